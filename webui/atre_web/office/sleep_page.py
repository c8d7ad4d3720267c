# SPDX-License-Identifier: Apache-2.0
"""Setting when the model may leave memory; the box itself keeps it."""

from flask import Blueprint, redirect
from werkzeug.wrappers import Response

from atre.errors import AtreError, RequestError
from atre.ipc.presence import SleepTimes
from atre_web.accounts import current, settings
from atre_web.office import settings_page, week
from atre_web.office.sleep_form import SleepForm, day_names
from atre_web.office.verbs import verbs
from atre_web.office.week import WrongDayError
from atre_web.panel.form import field, number
from atre_web.panel.wording import decimal, gettext

blueprint = Blueprint("sleep", __name__)

_MOST_MINUTES = 7 * 24 * 60


@blueprint.post("/settings/sleep")
def change() -> Response:
    """Set when the model sleeps, or let the options of the start count again."""
    if field("reset") == "yes":
        return _tell(None, SleepForm(), action="sleep.reset")
    typed = SleepForm(minutes=field("minutes").strip()[:20], week=week.from_form(field))
    minutes = number("minutes")
    if minutes is not None and not 1 <= minutes <= _MOST_MINUTES:
        problem = gettext(
            "L’attente avant la veille va de 1 à %(most)s minutes, ou rien pour ne pas en fixer.",
            most=decimal(_MOST_MINUTES),
        )
        return _again(typed, problem, wrong="minutes")
    try:
        calendar = week.written(typed.week)
    except WrongDayError as error:
        problem = gettext(
            "%(day)s : donnez les deux heures, différentes l’une de l’autre, comme 19 h et 7 h, "
            "ou cochez toute la journée.",
            day=day_names()[error.day],
        )
        return _again(typed, problem, wrong=week.DAYS[error.day])
    times = SleepTimes(
        unload_after_s=None if minutes is None else minutes * 60.0,
        calendar=calendar,
        time_zone=settings.read(current.connection())[0].time_zone,
    )
    return _tell(times, typed, action="sleep.change")


def _tell(times: SleepTimes | None, typed: SleepForm, *, action: str) -> Response:
    try:
        verbs().set_sleep(times)
    except RequestError as error:
        return _again(typed, gettext("Le boîtier a refusé. Ce qu’il en dit :"), detail=str(error))
    except AtreError as error:
        problem = gettext("Rien n’a été changé. Ce qu’en dit le boîtier :")
        return _again(typed, problem, detail=str(error), status=503)
    current.record(action)
    return redirect("/settings?done=sleep", 303)


def _again(
    typed: SleepForm, problem: str, *, wrong: str = "", detail: str = "", status: int = 400
) -> Response:
    again = SleepForm(minutes=typed.minutes, week=typed.week, wrong=wrong)
    return settings_page.page(
        settings.read(current.connection())[0],
        status,
        sleep=again,
        problem=problem,
        detail=detail,
        is_of_sleep=True,
    )
