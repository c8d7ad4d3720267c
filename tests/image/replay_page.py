# SPDX-License-Identifier: Apache-2.0
"""Print a Markdown table of replays: ``python -m tests.image.replay_page REPORT.json …``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

_HEAD = (
    "| what was cut | writes | flushes | states replayed | seed | minutes | unbootable "
    "| version that starts | data | failed |"
)


def table(reports: Sequence[Mapping[str, Any]]) -> str:
    """A row for each report of ``tests.image.replay --json``, and their sum."""
    rows = [_row(each) for each in reports]
    states = sum(each["replays"] for each in reports)
    minutes = sum(each["seconds"] for each in reports) / 60
    unbootable = sum(each["unbootable"] for each in reports)
    failed = sum(len(each["failures"]) for each in reports)
    last = (
        f"| **together** | | | **{states}** | | {minutes:.0f} | **{unbootable}** | | | {failed} |"
    )
    rule = "|---" * _HEAD.count(" |") + "|"
    return "\n".join([_HEAD, rule, *rows, last])


def _row(report: Mapping[str, Any]) -> str:
    cells = (
        report["name"],
        report["writes"],
        report["epochs"] - 1,
        report["replays"],
        report["seed"],
        f"{report['seconds'] / 60:.0f}",
        report["unbootable"],
        _counts(report["versions"]),
        _counts(report["data"]),
        len(report["failures"]),
    )
    return f"| {' | '.join(map(str, cells))} |"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


@click.command()
@click.argument(
    "reports", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
def main(reports: Sequence[Path]) -> None:
    """Print a table of what ``tests.image.replay --json`` wrote."""
    click.echo(table([json.loads(each.read_text()) for each in reports]))


if __name__ == "__main__":
    main()
