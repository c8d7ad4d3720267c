# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.backup.door import (
    data_dir_option,
    follow,
    json_option,
    lang_option,
    opened,
    overview,
    print_json,
    the_target,
)
from atre.cli.backup.words import moment, proof, target_option
from atre.cli.model.shared import size
from atre.ipc.backup_messages import DrillBackup
from atre.ipc.backup_replies import DrillReport
from atre.sentence import counted
from atre.terminal.language import say


@click.command()
@target_option
@click.option("--snapshot", default="latest", show_default=True, metavar="ID", help="Which one.")
@data_dir_option
@json_option
@lang_option
def drill(target: str | None, snapshot: str, data_dir: Path, *, as_json: bool) -> None:
    """Bring a backup back into scratch room and prove that it is whole; the box is not touched."""
    with opened(data_dir) as door:
        asked = the_target(door, target)
        job = follow(door, DrillBackup(target=asked, snapshot=snapshot))
        report = next(t for t in overview(door).targets if t.id == job.target).last_drill
    if report is None:
        raise TypeError(job)
    if as_json:
        print_json(report)
        return
    click.echo(report_text(report))


def report_text(report: DrillReport) -> str:
    """A drill's report for people."""
    rows = sum(each.found for each in report.tables)
    return "\n".join(
        (
            say(
                f"Backup {report.snapshot[:8]} of {moment(report.snapshot_at)}: {proof(report)}.",
                f"Sauvegarde {report.snapshot[:8]} du {moment(report.snapshot_at)}\u00a0: "
                f"{proof(report)}.",
            ),
            say(
                f"{counted(report.num_files, 'file', 'files')}, {size(report.size_bytes)}: every "
                f"digest is right. {len(report.tables)} tables, {rows} rows: as many as were "
                "stored. The accounts start.",
                f"{counted(report.num_files, 'fichier', 'fichiers', french=True)}, "
                f"{size(report.size_bytes)}\u00a0: toutes les "
                f"empreintes sont justes. {len(report.tables)} tables, {rows} lignes\u00a0: autant "
                "qu’au départ. Les comptes démarrent.",
            ),
        )
    )
