# SPDX-License-Identifier: Apache-2.0
"""What a person sees in place of a page. It needs no other file, no session and no database."""

from http import HTTPStatus

from flask import make_response, render_template
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from atre.sentence import Sentence
from atre_web.panel.wording import gettext, quoted


def refused(error: HTTPException) -> Response:
    """The page for what Flask itself refuses, with the headers that belong to it."""
    response = make_response(error.get_response())
    response.set_data(_page(response.status_code))
    return response


def failed(status: int, sentence: Sentence | None = None) -> Response:
    """The page for an error of ours; ``sentence`` says what the page cannot."""
    return make_response(_page(status, quoted(sentence) if sentence else ""), status)


def forbidden() -> Response:
    """The page for somebody who is signed in, but whose role does not allow this one."""
    status = HTTPStatus.FORBIDDEN
    title = gettext("Réservé à d’autres")
    advice = gettext(
        "Votre compte ne donne pas accès à cette page. La personne qui gère le boîtier peut "
        "changer votre rôle."
    )
    page = render_template("error.html", title=title, advice=advice, status=int(status))
    return make_response(page, status)


def _page(status: int, detail: str = "") -> str:
    title, advice = _words(status)
    return render_template("error.html", title=title, advice=advice, status=status, detail=detail)


def _words(status: int) -> tuple[str, str]:
    """What happened, and what to do."""
    if status == HTTPStatus.NOT_FOUND:
        return gettext("Page introuvable"), gettext(
            "Cette adresse ne mène à rien sur ce boîtier. Vérifiez-la, ou revenez à l’accueil."
        )
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return gettext("Cela ne s’ouvre pas ainsi"), gettext(
            "Cette adresse existe, mais pas pour ce qui lui a été demandé. Revenez à l’accueil et "
            "recommencez."
        )
    if status == HTTPStatus.MISDIRECTED_REQUEST:
        return gettext("Ce boîtier ne s’appelle pas ainsi"), gettext(
            "Ouvrez-le par l’un des noms ou adresses de sa page « État ». La personne qui le gère "
            "peut lui donner un nom de plus, par l’option « alias »."
        )
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return gettext("Envoi trop long"), gettext(
            "Le boîtier n’accepte pas autant de texte à la fois. Envoyez-en moins."
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _failure(status)
    return gettext("Demande incomprise"), gettext(
        "Le boîtier n’a pas compris ce qui lui a été demandé. Revenez à l’accueil et recommencez."
    )


def _failure(status: int) -> tuple[str, str]:
    if status == HTTPStatus.INSUFFICIENT_STORAGE:
        return gettext("Le disque du boîtier est plein"), gettext(
            "Rien de nouveau ne s’enregistre ; ce qui s’y trouve se lit et se supprime. Supprimez "
            "des conversations qui ne servent plus ; la personne qui gère le boîtier peut retirer "
            "des modèles."
        )
    return gettext("Le boîtier a échoué"), gettext(
        "L’erreur est de son côté, pas du vôtre. Réessayez ; si cela se répète, prévenez la "
        "personne qui le gère : son journal dit pourquoi."
    )
