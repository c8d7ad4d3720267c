# SPDX-License-Identifier: Apache-2.0
"""Who used how much. Managers see everybody, others themselves; nobody sees what was asked."""

from datetime import date

import flask_babel
from flask import Blueprint, Response, render_template, request

from atre_web.accounts import current, usage
from atre_web.accounts.people import LOCAL
from atre_web.accounts.usage_report import By, Entry, Sums, entries, periods, summed
from atre_web.office.csv_text import csv_response
from atre_web.panel.energy_words import joules
from atre_web.panel.snapshot import UNKNOWN
from atre_web.panel.wording import decimal, gettext, seconds

blueprint = Blueprint("usage", __name__)


@blueprint.get("/usage")
def show() -> str:
    """The plot, and the same as tables."""
    by = _by()
    found = _entries(by)
    by_period = summed(found, lambda entry: entry.period)
    covered = periods(by, _today())
    by_person = summed(found, lambda entry: entry.person_id)
    names = {entry.person_id: _name(entry) for entry in found}
    return render_template(
        "usage.html",
        by=by,
        is_everybody=_is_manager(),
        people=[
            (names[person_id], figures(sums))
            for person_id, sums in sorted(
                by_person.items(), key=lambda item: -item[1].completion_tokens
            )
        ],
        periods=[
            (_label(period), figures(by_period[period]))
            for period in reversed(covered)
            if period in by_period
        ],
        total=figures(_total(found)),
        plot={
            "labels": [_short_label(period) for period in covered],
            "prompt": [_sums(by_period, period).prompt_tokens for period in covered],
            "completion": [_sums(by_period, period).completion_tokens for period in covered],
            "names": {"prompt": gettext("Jetons lus"), "completion": gettext("Jetons écrits")},
        },
    )


@blueprint.get("/usage.csv")
def export() -> Response:
    """Every period and person, one a line."""
    by = _by()
    header = [
        gettext("Mois") if by == "month" else gettext("Jour"),
        gettext("Personne"),
        gettext("Demandes"),
        gettext("Jetons lus"),
        gettext("Jetons écrits"),
        gettext("Attente médiane (s)"),
        gettext("Attente longue, 95 % (s)"),
        gettext("Vitesse médiane (jetons/s)"),
        gettext("Énergie des réponses (Wh)"),
        gettext("Part du repos (Wh)"),
    ]
    rows = [
        (
            entry.period,
            _name(entry),
            entry.sums.num_requests,
            entry.sums.prompt_tokens,
            entry.sums.completion_tokens,
            _rounded(entry.sums.wait_s),
            _rounded(entry.sums.long_wait_s),
            _rounded(entry.sums.tokens_per_s),
            _watt_hours(entry.sums.energy_j),
            _watt_hours(entry.sums.idle_j),
        )
        for entry in _entries(by)
    ]
    return csv_response(f"atre-usage-{_today().isoformat()}.csv", header, rows)


def figures(sums: Sums) -> dict[str, str]:
    """The sums in numbers of the reader's language; — where nothing was measured."""
    return {
        "requests": decimal(sums.num_requests),
        "prompt": decimal(sums.prompt_tokens),
        "completion": decimal(sums.completion_tokens),
        "wait": _seconds(sums.wait_s),
        "long_wait": _seconds(sums.long_wait_s),
        "energy": UNKNOWN if sums.energy_j is None else joules(sums.energy_j),
        "speed": UNKNOWN if sums.tokens_per_s is None else decimal(sums.tokens_per_s),
    }


def _by() -> By:
    return "month" if request.args.get("by") == "month" else "day"


def _is_manager() -> bool:
    return current.principal().role == "manager"


def _entries(by: By) -> list[Entry]:
    whose = None if _is_manager() else current.principal().person_id
    return entries(current.connection(), by, _today(), whose)


def _today() -> date:
    return usage.local_time(current.connection(), current.now()).date()


def _name(entry: Entry) -> str:
    return gettext("Clés du boîtier") if entry.person_id == LOCAL else entry.person


def _total(found: list[Entry]) -> Sums:
    total = Sums()
    for entry in found:
        total.add(entry.sums)
    return total


def _sums(by_period: dict[str, Sums], period: str) -> Sums:
    return by_period.get(period, Sums())


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _watt_hours(j: float | None) -> float | None:
    return None if j is None else round(j / 3600, 4)


def _seconds(value: float | None) -> str:
    return UNKNOWN if value is None else seconds(value)


def _label(period: str) -> str:
    if len(period) == len("2026-11"):
        return str(flask_babel.format_date(date.fromisoformat(f"{period}-01"), "MMMM yyyy"))
    return str(flask_babel.format_date(date.fromisoformat(period), "EEE d MMM"))


def _short_label(period: str) -> str:
    if len(period) == len("2026-11"):
        return str(flask_babel.format_date(date.fromisoformat(f"{period}-01"), "MMM yy"))
    return str(flask_babel.format_date(date.fromisoformat(period), "d MMM"))
