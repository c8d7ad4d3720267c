# SPDX-License-Identifier: Apache-2.0
"""Setting how much the models and the attached files may take; the box itself keeps it."""

from dataclasses import replace

from flask import Blueprint, redirect
from werkzeug.wrappers import Response

from atre.errors import AtreError
from atre.ipc.media_messages import SetSpaceLimits
from atre.space.limits import SpaceLimits
from atre_web.accounts import current
from atre_web.backups.blueprint import media
from atre_web.office import system_page
from atre_web.office.space_card import SpaceCard, limit_bytes
from atre_web.panel.form import field
from atre_web.panel.wording import gettext, quoted

blueprint = Blueprint("space", __name__)

_FIELDS = ("models", "attachments")


@blueprint.post("/system/space")
def change() -> Response:
    """Set both limits; what is there already stays."""
    typed = SpaceCard(models=field("models")[:20], attachments=field("attachments")[:20])
    limits: dict[str, int | None] = {}
    for name in _FIELDS:
        try:
            limits[name] = limit_bytes(field(name))
        except ValueError:
            problem = gettext(
                "Une limite est un nombre de gigaoctets, comme 20 ou 2,5, ou rien pour ne pas "
                "limiter."
            )
            return system_page.page(400, space=replace(typed, wrong=name), space_problem=problem)
    try:
        media().set_limits(SetSpaceLimits(limits=SpaceLimits(**limits)))
    except AtreError as error:
        problem = gettext("Les limites n’ont pas été changées.")
        return system_page.page(
            503, space=typed, space_problem=problem, detail=quoted(error.sentence)
        )
    current.record("space.limits")
    return redirect("/system?done=space#space", 303)
