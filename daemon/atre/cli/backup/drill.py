# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.backup.door import finished, job_options, print_json
from atre.cli.backup.words import moment, proof
from atre.cli.model.shared import size
from atre.ipc.backup_messages import DrillBackup
from atre.ipc.backup_replies import DrillReport
from atre.sentence import counted
from atre.terminal.language import say


@click.command()
@job_options
@click.option("--snapshot", default="latest", show_default=True, metavar="ID", help="Which one.")
def drill(target: str | None, snapshot: str, data_dir: Path, *, as_json: bool) -> None:
    """Prove a backup: restore it aside. It is compared; the box is not touched."""
    job, known = finished(data_dir, target, lambda to: DrillBackup(target=to, snapshot=snapshot))
    report = next(each for each in known.targets if each.id == job.target).last_drill
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
