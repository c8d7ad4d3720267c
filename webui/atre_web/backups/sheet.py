# SPDX-License-Identifier: Apache-2.0
"""The recovery sheet, printed and typed back, and the other keys of the backups."""

from typing import Any

import segno
from flask import make_response, redirect, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from atre.ipc.backup_messages import AddKey, RemoveKey
from atre.ipc.backup_replies import KeyListing, SheetState
from atre_web.accounts import current
from atre_web.backups.blueprint import backups, blueprint
from atre_web.backups.page import REFUSED
from atre_web.panel.confirmation import wait_for
from atre_web.panel.form import field
from atre_web.panel.wording import gettext, said


@blueprint.get("/backups/sheet")
def show_sheet() -> Response:
    """Whether there is a sheet, and the keys of a place."""
    target = request.args.get("target", "")[:100]
    if not target:
        return _page()
    try:
        return _page(keys=backups().keys(target))
    except REFUSED as error:
        return _page(400, problem=said(error.sentence))


@blueprint.post("/backups/sheet")
def print_sheet() -> Response:
    """Show the key to be printed; the password comes first, since it opens everything."""
    wait_s = wait_for(field("current"))
    if wait_s is not None:
        return _page(403, problem=gettext("Le mot de passe actuel n’est pas le bon."))
    sheet = backups().sheet(renew=field("renew") == "yes")
    current.record("backup.sheet.show")
    qr = segno.make(sheet.payload, error="m", micro=False)
    drawn = qr.svg_inline(omitsize=True, border=2, dark="#000", light="#fff", svgclass="qr")
    # segno writes numbers and fixed attributes only; the key is in the modules, not the markup.
    return _page(sheet=sheet, qr=Markup(drawn))  # noqa: S704


@blueprint.post("/backups/sheet/confirm")
def confirm_sheet() -> Response:
    """Take the key as it was typed from the paper."""
    try:
        backups().confirm_sheet(field("key"))
    except REFUSED as error:
        return _page(400, problem=said(error.sentence))
    current.record("backup.sheet.confirm")
    return redirect("/backups/sheet?done=confirmed", 303)


@blueprint.post("/backups/keys/add")
def add_key() -> Response:
    """Let a manager's own password open the backups of a place."""
    try:
        asked = AddKey(
            target=field("target"), name=field("name").strip().lower(), password=field("password")
        )
        keys = backups().add_key(asked)
    except REFUSED as error:
        return _page(400, problem=said(error.sentence))
    current.record("backup.key.add", field("name"))
    return _page(keys=keys)


@blueprint.post("/backups/keys/remove")
def remove_key() -> Response:
    """Take such a password away."""
    try:
        asked = RemoveKey(target=field("target"), key_id=field("key_id"))
        keys = backups().remove_key(asked.target, asked.key_id)
    except REFUSED as error:
        return _page(400, problem=said(error.sentence))
    current.record("backup.key.remove", asked.key_id[:8])
    return _page(keys=keys)


def _page(status: int = 200, *, keys: KeyListing | None = None, **shown: Any) -> Response:
    overview = backups().describe()
    body = render_template(
        "backup_sheet.html",
        is_confirmed=overview.sheet is SheetState.CONFIRMED,
        has_sheet=overview.sheet is not SheetState.NONE,
        targets=[each for each in overview.targets if each.last_backup_at and each.is_present],
        keys=keys,
        roles=_roles(),
        **shown,
    )
    return make_response(body, status)


def _roles() -> dict[str, str]:
    return {
        "box": gettext("le boîtier"),
        "sheet": gettext("feuille de récupération"),
        "manager": gettext("gestionnaire"),
        "unknown": gettext("inconnue"),
    }
