# SPDX-License-Identifier: Apache-2.0
"""Options and words that the verbs of ``atre backup`` share."""

import datetime as dt

import click

from atre.ipc.backup_replies import DrillReport
from atre.terminal.language import say

target_option = click.option(
    "--target", metavar="NAME", help="Which place.  [default: the only one that is present]"
)
unit_option = click.option(
    "--unit", default="", metavar="NUMBER", help="Another box, by the number on its sheet."
)
key_file_option = click.option(
    "--key-file",
    type=click.File(),
    help="Read the key of the recovery sheet there, - for standard input.",
)


def moment(at: float | None) -> str:
    """A time on the clock of this machine, — for never."""
    if at is None:
        return "—"
    local = dt.datetime.fromtimestamp(at, dt.UTC).astimezone()
    return say(f"{local:%Y-%m-%d %H:%M}", f"{local:%d/%m/%Y %H:%M}")


def proof(report: DrillReport | None) -> str:
    """When a backup was last proven, and how long that took."""
    if report is None:
        return say("unproven", "jamais éprouvée")
    minutes = max(1, round(report.duration_s / 60))
    when = moment(report.ended_at)
    return say(f"proven {when}, {minutes} min", f"éprouvée le {when}, {minutes} min")
