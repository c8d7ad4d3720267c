# SPDX-License-Identifier: Apache-2.0
"""Bringing a backup back on a box that is somebody's."""

from collections.abc import Callable
from http import HTTPStatus

from flask import make_response, redirect, render_template
from werkzeug.wrappers import Response

from atre_web.accounts import current
from atre_web.backups import steps
from atre_web.backups.blueprint import backups, blueprint
from atre_web.backups.page import REFUSED, do
from atre_web.backups.steps import Choice, Steps
from atre_web.panel.confirmation import wait_for
from atre_web.panel.form import field
from atre_web.panel.wording import gettext, said

_STEPS: dict[str, Callable[[Choice], Steps]] = {
    "list": steps.listed,
    "preview": steps.previewed,
}


@blueprint.get("/backups/restore")
def show_restore() -> Response:
    """Where a restore stands, or the places to begin with."""
    return _page(steps.now(backups().describe()))


@blueprint.post("/backups/restore")
def go_on() -> Response:
    """The next step of choosing."""
    choice = steps.chosen()
    if field("step") == "stage":
        found = steps.staged(choice)
        if found.problem:
            return _page(found)
        current.record("backup.restore.stage", choice.snapshot[:8])
        return redirect("/backups/restore", 303)
    return _page(_STEPS.get(field("step"), steps.listed)(choice))


@blueprint.post("/backups/restore/apply")
def apply_restore() -> Response:
    """Start the box anew with what was fetched."""
    problem = ""
    if not steps.is_typed():
        problem = gettext("Rien n’a changé. Écrivez d’abord le mot demandé.")
    elif wait_for(field("current")) is not None:
        problem = gettext("Le mot de passe actuel n’est pas le bon.")
    if problem:
        return _page(steps.now(backups().describe(), problem=problem))
    # Written first: afterwards this database is another.
    current.record("backup.restore.apply")
    try:
        backups().apply_restore()
    except REFUSED as error:
        return _page(steps.now(backups().describe(), problem=said(error.sentence)))
    return redirect("/backups/restore", 303)


@blueprint.post("/backups/restore/confirm")
def confirm_restore() -> Response:
    """Keep what was restored."""
    return do(backups().confirm_restore, action="backup.restore.confirm", done="confirmed")


@blueprint.post("/backups/restore/undo")
def undo_restore() -> Response:
    """Drop what was fetched, or go back to what was replaced."""
    # Written first: what comes back is another database.
    current.record("backup.restore.undo")
    try:
        is_ordered = backups().undo_restore().restore is not None
    except REFUSED as error:
        return _page(steps.now(backups().describe(), problem=said(error.sentence)))
    return redirect("/backups/restore" if is_ordered else "/backups?done=dropped", 303)


def _page(found: Steps) -> Response:
    overview = backups().describe()
    body = render_template(
        "backup_restore.html",
        steps=found,
        targets=[each for each in overview.targets if each.is_present],
        restore=overview.restore,
    )
    return make_response(body, HTTPStatus.BAD_REQUEST if found.problem else HTTPStatus.OK)
