# SPDX-License-Identifier: Apache-2.0
"""Where a manager begins: the traffic light, and the office's day in figures."""

from flask import Blueprint, render_template

from atre_web.accounts import current, usage
from atre_web.accounts.usage_report import Sums, entries
from atre_web.office.facts_now import findings_now
from atre_web.office.finding_words import levels, words
from atre_web.office.findings import light
from atre_web.office.usage_page import figures
from atre_web.panel import snapshot
from atre_web.panel.snapshot import UNKNOWN
from atre_web.panel.wording import size

blueprint = Blueprint("home", __name__)


@blueprint.get("/admin")
def show() -> str:
    """The page."""
    now = snapshot.take()
    found = findings_now(now)
    sums = _today()
    return render_template(
        "home.html",
        findings=[words(each) for each in found],
        level=light(found),
        levels=levels(),
        today=figures(sums),
        sums=sums,
        num_people=now.num_people,
        model=now.model_name,
        free=UNKNOWN if now.free_bytes is None else size(now.free_bytes),
    )


def _today() -> Sums:
    day = usage.local_time(current.connection(), current.now()).date()
    total = Sums()
    for entry in entries(current.connection(), "day", day):
        if entry.period == day.isoformat():
            total.add(entry.sums)
    return total
