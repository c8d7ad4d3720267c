# SPDX-License-Identifier: Apache-2.0
"""The overview. Every button is a form of its own, so that it works without JavaScript."""

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from atre.errors import (
    BackupError,
    EngineError,
    InvalidRequestError,
    MediaError,
    NotFoundError,
    StorageError,
)
from atre_web.accounts import current
from atre_web.backups.blueprint import backups, blueprint, media
from atre_web.backups.view import backups_page, signature
from atre_web.backups.words import job_shown
from atre_web.panel.wording import gettext, said

REFUSED = (BackupError, MediaError, InvalidRequestError, NotFoundError, StorageError)


@blueprint.get("/backups")
def show() -> BaseResponse:
    """The page."""
    done = request.args.get("done", "")
    return page(message=_messages().get(done, ""))


@blueprint.get("/api/panel/backups.json")
def live() -> Response:
    """What moves on the page, for the script that keeps it fresh."""
    overview = backups().describe()
    shown = job_shown(overview)
    job = (
        {"sentence": shown.sentence, "figures": shown.figures, "fraction": shown.fraction}
        if shown
        else None
    )
    return jsonify(version=version(signature(overview, media().targets())), job=job)


def do(
    act: Callable[[], object], *, action: str, done: str = "", subject: str = "", **typed: Any
) -> BaseResponse:
    """Act, then show the page: anew where it worked, with what is wrong where it did not.

    ``typed`` is what the form shows again then.
    """
    try:
        act()
    except REFUSED as error:
        return page(400, problem=said(error.sentence), **typed)
    current.record(action, subject)
    return redirect(f"/backups?done={done}" if done else "/backups", 303)


def page(status: int = 200, **shown: Any) -> BaseResponse:
    """The overview, with what is wrong or was done above it."""
    try:
        found = backups_page(backups().describe(), media().targets())
    except EngineError:
        body = render_template("backups.html", page=None, **shown)
        return make_response(body, 503 if status == 200 else status)  # noqa: PLR2004
    body = render_template("backups.html", page=found, version=version(found.signature), **shown)
    return make_response(body, status)


def version(text: str) -> str:
    """A short name of what a page shows."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _messages() -> dict[str, str]:
    return {
        "added": gettext("La destination est ajoutée."),
        "removed": gettext("La destination est retirée de la liste ; ce qui y est rangé reste."),
        "released": gettext("Le disque peut être débranché."),
        "formatted": gettext("Le disque est formaté. Ajoutez-le maintenant."),
        "saved": gettext("C’est enregistré."),
        "confirmed": gettext("C’est gardé. Ce qu’il y avait avant la restauration est supprimé."),
        "dropped": gettext("C’est abandonné ; rien n’a changé."),
    }
