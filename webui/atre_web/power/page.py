# SPDX-License-Identifier: Apache-2.0
"""What the box takes, now and over time."""

from datetime import datetime
from typing import Any

import flask_babel
from flask import Blueprint, Response, current_app, render_template, request

from atre.errors import EngineError
from atre.ipc.energy_client import EnergyClient
from atre.ipc.energy_messages import EnergyShares
from atre.ipc.power_client import PowerClient
from atre.ipc.power_messages import PowerBucket, PowerDescription, PowerHistory
from atre_web.accounts import current, usage
from atre_web.office.csv_text import csv_response
from atre_web.panel.wording import decimal, gettext, moment, percent, said
from atre_web.power import answers_card, eco_card, ups_card, words
from atre_web.power.span import Shown, read_by, shown

blueprint = Blueprint("power", __name__)

_J_PER_KWH = 3.6e6
_GAP = 0.02  # of a piece's time without a figure is worth a word


def client() -> PowerClient:
    """Where the meter is asked."""
    found: PowerClient = current_app.extensions["atre.power"]
    return found


@blueprint.get("/power")
def show() -> str:
    """Now, the plot, the same as a table, and where the figures come from."""
    return shown_with({"is_saved": "yes"} if request.args.get("done") == "eco" else {})


def shown_with(eco: dict[str, str]) -> str:
    """The page; ``eco`` is what was typed in the form of eco mode, and its ``problem``."""
    span = shown(read_by(request.args.get("by")), _now())
    try:
        power = client().describe()
        history = client().history(span.resolution, span.from_s, span.to_s)
    except EngineError:
        return render_template("power.html", power=None, by=span.by)
    by_begin = {round(bucket.start_s): bucket for bucket in history.buckets}
    found = [by_begin.get(round(begins.timestamp())) for begins in span.begins]
    is_measured = any(bucket and bucket.covered_s > 0 for bucket in found)
    return render_template(
        "power.html",
        power=power,
        by=span.by,
        now=_now_figures(power),
        ups=ups_card.card(power.ups),
        eco=(eco_card.card(power.eco) or {}) | eco,
        answers=answers_card.card(_shares()),
        sources=_sources(power),
        calibration=_calibration(power),
        issues=[said(issue) for issue in power.issues],
        coverage=said(power.coverage),
        pieces=[
            (_label(span, begins), _piece(bucket, history))
            for begins, bucket in reversed(list(zip(span.begins, found, strict=True)))
            if bucket is not None and is_measured
        ],
        plot={
            "labels": [_short_label(span, begins) for begins in span.begins],
            "idle": [_kwh(bucket.idle_j) if bucket else None for bucket in found],
            "all": [_kwh(bucket.energy_j) if bucket else None for bucket in found],
            "names": {"idle": gettext("Au repos (kWh)"), "all": gettext("En tout (kWh)")},
        },
    )


@blueprint.get("/power.csv")
def export() -> Response:
    """Every piece, one a line, in units of the SI. Raises EngineError while nobody measures."""
    span = shown(read_by(request.args.get("by")), _now())
    history = client().history(span.resolution, span.from_s, span.to_s)
    header = [
        gettext("Début"),
        gettext("Énergie (Wh)"),
        gettext("dont au repos (Wh)"),
        gettext("Coût (%(currency)s)", currency=history.currency or "—"),
        gettext("CO₂ (g)"),
        gettext("Temps mesuré (s)"),
        gettext("Temps de marche (s)"),
        gettext("Origine"),
    ]
    zone = _now().tzinfo
    rows = [
        (
            datetime.fromtimestamp(bucket.start_s, zone).isoformat(timespec="minutes"),
            _watt_hours(bucket.energy_j),
            _watt_hours(bucket.idle_j),
            None if bucket.cost is None else round(bucket.cost, 4),
            None if bucket.co2_g is None else round(bucket.co2_g, 1),
            round(bucket.covered_s),
            round(bucket.expected_s),
            words.basis(bucket.basis),
        )
        for bucket in history.buckets
    ]
    return csv_response(f"atre-power-{_now().date().isoformat()}.csv", header, rows)


def _shares() -> EnergyShares | None:
    energy: EnergyClient = current_app.extensions["atre.energy"]
    try:
        return energy.shares()
    except EngineError:
        return None


def _now() -> datetime:
    return usage.local_time(current.connection(), current.now())


def _now_figures(power: PowerDescription) -> dict[str, Any]:
    today, month = power.today, power.month
    return {
        "power": words.watts(power.power_w),
        "is_known": power.power_w is not None,
        "basis": words.basis(power.basis),
        "error": None if power.error_fraction is None else percent(power.error_fraction),
        "idle": words.watts(power.idle_w),
        "today": words.energy(today.energy_j),
        "today_cost": words.cost(today.cost, power.currency),
        "month": words.energy(month.energy_j),
        "month_cost": words.cost(month.cost, power.currency),
        "month_co2": words.co2(month.co2_g),
        "co2_source": power.settings.co2_source,
        "idle_share": _share(month),
    }


def _piece(bucket: PowerBucket, history: PowerHistory) -> dict[str, Any]:
    gap_s = bucket.expected_s - bucket.covered_s
    return {
        "energy": words.energy(bucket.energy_j),
        "idle": words.energy(bucket.idle_j),
        "mean": words.watts(
            bucket.energy_j / bucket.covered_s
            if bucket.energy_j is not None and bucket.covered_s
            else None
        ),
        "cost": words.cost(bucket.cost, history.currency),
        "co2": words.co2(bucket.co2_g),
        "basis": words.basis(bucket.basis),
        "gap": (
            percent(gap_s / bucket.expected_s)
            if bucket.energy_j is not None and gap_s > _GAP * bucket.expected_s
            else None
        ),
    }


def _share(bucket: PowerBucket) -> str:
    if bucket.idle_j is None or not bucket.energy_j:
        return "—"
    return percent(bucket.idle_j / bucket.energy_j)


def _sources(power: PowerDescription) -> list[dict[str, str]]:
    return [
        {
            "name": words.source(source.source),
            "scope": words.scope(source.scope),
            "basis": words.basis(source.basis),
            "power": words.watts(source.power_w),
            "reason": said(source.reason) if source.reason else "",
        }
        for source in power.sources
    ]


def _calibration(power: PowerDescription) -> dict[str, Any] | None:
    progress = power.calibration_progress
    found = power.calibration
    if found is None and progress is None:
        return None
    return {
        "progress": said(progress) if progress else "",
        "made": found
        and {
            "at": moment(found.made_at),
            "error": percent(found.error_fraction),
            "rmse": words.watts(found.rmse_w),
            "minutes": decimal(found.num_minutes),
            "is_used": found.is_used,
        },
    }


def _kwh(energy_j: float | None) -> float | None:
    return None if energy_j is None else round(energy_j / _J_PER_KWH, 5)


def _watt_hours(energy_j: float | None) -> float | None:
    return None if energy_j is None else round(energy_j / 3600, 2)


def _label(span: Shown, begins: datetime) -> str:
    if span.by == "year":
        return str(flask_babel.format_date(begins, "MMMM yyyy", rebase=False))
    if span.by == "month":
        return str(flask_babel.format_date(begins, "EEE d MMM", rebase=False))
    day = flask_babel.format_date(begins, "EEE", rebase=False)
    return f"{day} {flask_babel.format_time(begins, 'short', rebase=False)}"


def _short_label(span: Shown, begins: datetime) -> str:
    if span.by == "day":
        return str(flask_babel.format_time(begins, "short", rebase=False))
    pattern = "MMM yy" if span.by == "year" else "d MMM"
    return str(flask_babel.format_date(begins, pattern, rebase=False))
