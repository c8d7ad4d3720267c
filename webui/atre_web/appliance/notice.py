# SPDX-License-Identifier: Apache-2.0
"""What stands above every page after a password was set anew at the box itself."""

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from atre.ipc.appliance_messages import PresenceMeans
from atre_web.accounts import current, presence
from atre_web.panel.wording import gettext, moment

blueprint = Blueprint("notice", __name__)

_COOKIE = "atre-notice"
_AGE_S = presence.NOTICE_DAYS * 24 * 3600


def text() -> str:
    """The notice for this reader, "" where there is none or they have read it."""
    notice = presence.latest(current.connection(), now=current.now())
    if notice is None or request.cookies.get(_COOKIE) == _mark(notice):
        return ""
    about = {"when": moment(notice.at), "name": notice.name}
    if notice.means == PresenceMeans.CONSOLE:
        return gettext(
            "Le %(when)s, quelqu’un à l’écran et au clavier du boîtier a choisi un nouveau mot de "
            "passe pour %(name)s. Si personne ne s’y attendait, dites-le.",
            **about,
        )
    return gettext(
        "Le %(when)s, quelqu’un qui a branché une clé USB au boîtier a choisi un nouveau mot de "
        "passe pour %(name)s. Si personne ne s’y attendait, dites-le.",
        **about,
    )


@blueprint.post("/notice/seen")
def seen() -> Response:
    """Take the notice away from this browser."""
    response = redirect("/", 303)
    notice = presence.latest(current.connection(), now=current.now())
    if notice is not None:
        response.set_cookie(
            _COOKIE,
            _mark(notice),
            max_age=_AGE_S,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    return response


def _mark(notice: presence.Notice) -> str:
    return str(round(notice.at))
