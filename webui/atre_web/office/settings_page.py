# SPDX-License-Identifier: Apache-2.0
"""What the office sets for everybody."""

import contextlib
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from msgspec.structs import replace
from werkzeug.wrappers import Response

from atre.errors import AtreError
from atre_web.accounts import current, settings
from atre_web.accounts.problem import ChangedMeanwhileError
from atre_web.accounts.settings import BOUNDS, SettingError, Settings
from atre_web.office import sleep_form
from atre_web.office.sleep_form import SleepForm
from atre_web.office.week import DAYS
from atre_web.panel import language, snapshot
from atre_web.panel.form import field, number, version
from atre_web.panel.wording import decimal, gettext
from atre_web.power import eco_zone

blueprint = Blueprint("settings", __name__)

# The two countries that the box speaks to first.
_FIRST_ZONES = ("Europe/Paris", "America/Toronto", "America/Montreal")


@blueprint.get("/settings")
def show() -> Response:
    """The form."""
    done = request.args.get("done")
    message = gettext("C’est enregistré.") if done in {"1", "sleep"} else ""
    shown = settings.read(current.connection())[0]
    return page(shown, message=message, is_of_sleep=done == "sleep")


@blueprint.post("/settings")
def change() -> Response:
    """Set everything at once."""
    connection = current.connection()
    before, _ = settings.read(connection)
    chosen_language = field("language")
    hours = number("invitation_hours")
    wanted = replace(
        before,
        office_name=" ".join(field("office_name").split()),
        language=chosen_language if chosen_language in language.CHOICES else "",
        time_zone=field("time_zone"),
        tokens_per_day=number("tokens_per_day"),
        max_concurrent=number("max_concurrent"),
        invitation_hours=-1 if hours is None else hours,
        retention_days=number("retention_days") or 0,
    )
    try:
        settings.change(connection, wanted, version=version())
    except SettingError as error:
        return page(wanted, 400, problem=_sentence(error), wrong=error.param)
    except ChangedMeanwhileError:
        problem = gettext(
            "Quelqu’un d’autre vient de changer ces réglages ; voici ce qu’il en est maintenant. "
            "Recommencez si c’est encore utile."
        )
        return page(settings.read(connection)[0], 409, problem=problem)
    current.record("settings.change")
    # A box that cannot be told now is told the next time that these settings are saved.
    with contextlib.suppress(AtreError):
        sleep_form.follow_zone(wanted.time_zone)
    with contextlib.suppress(AtreError):
        eco_zone.follow_zone(wanted.time_zone)
    return redirect("/settings?done=1", 303)


def _sentence(error: SettingError) -> str:
    if error.param == settings.OFFICE_NAME:
        return gettext("Ce nom ne convient pas : 64 caractères visibles au plus.")
    if error.param == "time_zone":
        return gettext("Ce fuseau horaire est inconnu du boîtier. Choisissez-en un dans la liste.")
    least, most = BOUNDS[error.param]
    sentences = {
        "invitation_hours": gettext(
            "La durée d’une invitation va de %(least)s à %(most)s heures.",
            least=decimal(least),
            most=decimal(most),
        ),
        settings.TOKENS_PER_DAY: gettext(
            "Les jetons par jour sont un nombre entier, ou rien pour ne pas limiter."
        ),
        settings.MAX_CONCURRENT: gettext(
            "Les demandes à la fois vont de %(least)s à %(most)s, ou rien pour ne pas limiter.",
            least=decimal(least),
            most=decimal(most),
        ),
        "retention_days": gettext(
            "La conservation va de 1 à %(most)s jours ; 0, ou rien, garde tout.",
            most=decimal(most),
        ),
    }
    return sentences[error.param]


def page(
    shown: Settings, status: int = 200, *, sleep: SleepForm | None = None, **more: Any
) -> Response:
    """The page with these settings, and with what was typed of the model's sleep."""
    _, seen = settings.read(current.connection())
    box = snapshot.box()
    now = box.sleep if box else None
    body = render_template(
        "settings.html",
        settings=shown,
        version=seen,
        zones=_zones(),
        bounds=BOUNDS,
        sleep=sleep or (sleep_form.filled(now) if now else None),
        sleep_now=now,
        in_force=sleep_form.in_force(now) if now else "",
        days=list(zip(DAYS, sleep_form.day_names(), strict=True)),
        **more,
    )
    return make_response(body, status)


def _zones() -> dict[str, list[tuple[str, str]]]:
    """The time zones by part of the world, the likeliest first, with a name for people."""
    known = settings.time_zones()
    first = [name for name in _FIRST_ZONES if name in known]
    found = {gettext("Souvent choisis"): [(name, _place(name)) for name in first]}
    for name in sorted(known):
        found.setdefault(name.split("/")[0], []).append((name, _place(name)))
    return {part: zones for part, zones in found.items() if zones}


def _place(name: str) -> str:
    return name.partition("/")[2].replace("_", " ").replace("/", ", ")
