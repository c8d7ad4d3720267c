# SPDX-License-Identifier: Apache-2.0
"""Who did what, when, from where."""

from datetime import UTC, datetime

from flask import Blueprint, Response, render_template, request

from atre_web.accounts import audit, current
from atre_web.accounts.audit import Entry
from atre_web.office.audit_words import action_name
from atre_web.office.csv_text import csv_response
from atre_web.panel.snapshot import UNKNOWN
from atre_web.panel.wording import gettext, moment

blueprint = Blueprint("audit", __name__)

_PAGE = 50


@blueprint.get("/audit")
def show() -> str:
    """A page of the register; ``?before=`` is where the one before it ended."""
    before = request.args.get("before", "")
    first = int(before) if before.isdecimal() and len(before) < 19 else None  # noqa: PLR2004 -- SQLite's
    found = audit.latest(current.connection(), limit=_PAGE + 1, before=first)
    return render_template(
        "audit.html",
        rows=[_row(entry) for entry in found[:_PAGE]],
        older=found[_PAGE - 1].id if len(found) > _PAGE else None,
        is_first=first is None,
    )


@blueprint.get("/audit.csv")
def export() -> Response:
    """All that is kept."""
    header = [
        gettext("Date (UTC)"),
        gettext("Qui"),
        gettext("Quoi"),
        gettext("Code"),
        gettext("Sur qui ou quoi"),
        gettext("Depuis"),
    ]
    found = audit.latest(current.connection(), limit=audit.NUM_KEPT)
    rows = (
        (
            datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds"),
            entry.person or "",
            action_name(entry.action),
            entry.action,
            entry.subject_name or entry.subject,
            entry.address,
        )
        for entry in found
    )
    return csv_response("atre-audit.csv", header, rows)


def _row(entry: Entry) -> dict[str, str]:
    is_own = entry.person is not None and entry.subject_name == entry.person
    return {
        "when": moment(entry.at),
        "who": entry.person or UNKNOWN,
        "what": action_name(entry.action),
        "on": UNKNOWN if is_own else entry.subject_name or entry.subject or UNKNOWN,
        "from": entry.address,
    }
