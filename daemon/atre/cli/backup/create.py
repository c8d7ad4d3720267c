# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.backup.door import finished, job_options, print_json
from atre.ipc.backup_messages import BackupReason, CreateBackup
from atre.ipc.backup_replies import SheetState
from atre.terminal.language import say


@click.command()
@job_options
@click.option("--before-update", is_flag=True, help="Mark it as made before an update.")
def create(target: str | None, data_dir: Path, *, before_update: bool, as_json: bool) -> None:
    """Back the box up now. Old backups go, and a part of what is stored is read again."""
    reason = BackupReason.BEFORE_UPDATE if before_update else BackupReason.ASKED
    job, known = finished(data_dir, target, lambda to: CreateBackup(target=to, reason=reason))
    if as_json:
        print_json(job)
        return
    click.echo(
        say(
            f"Stored and checked: backup {job.snapshot[:8]}.",
            f"Rangé et vérifié\u00a0: sauvegarde {job.snapshot[:8]}.",
        )
    )
    if known.sheet is not SheetState.CONFIRMED:
        click.echo(
            say(
                "Nobody could open it without this box yet: print the recovery sheet with `atre "
                "backup sheet`.",
                "Personne ne pourrait encore l’ouvrir sans ce boîtier\u00a0: imprimez la feuille "
                "de récupération avec `atre backup sheet`.",
            )
        )
