# SPDX-License-Identifier: Apache-2.0
"""Choosing when the box saves power; the box itself keeps it."""

import msgspec
from flask import Blueprint, make_response, redirect
from werkzeug.wrappers import Response

from atre.errors import EngineError, InvalidRequestError
from atre.ipc.eco_messages import EcoSettings
from atre_web.accounts import current, settings
from atre_web.panel.form import field
from atre_web.panel.wording import gettext
from atre_web.power import page
from atre_web.power.eco_card import example

blueprint = Blueprint("eco", __name__)


@blueprint.post("/power/eco")
def change() -> Response:
    """Set the mode and its calendar."""
    typed = {
        "mode": field("mode"),
        "calendar": " ".join(field("calendar").split()),
        "time_zone": settings.read(current.connection())[0].time_zone,
    }
    try:
        page.client().set_eco(msgspec.convert(typed, EcoSettings))
    except (InvalidRequestError, msgspec.ValidationError):
        problem = gettext(
            "Ces heures ne sont pas comprises. Écrivez par exemple « %(example)s ».",
            example=example(),
        )
        body = page.shown_with(
            {"mode": typed["mode"], "calendar": typed["calendar"], "problem": problem}
        )
        return make_response(body, 400)
    except EngineError:
        return make_response(page.shown_with({}), 503)
    current.record("power.eco")
    return redirect("/power?done=eco#eco", 303)
