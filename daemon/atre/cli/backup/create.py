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
from atre.cli.backup.words import target_option
from atre.ipc.backup_messages import BackupReason, CreateBackup
from atre.ipc.backup_replies import SheetState
from atre.terminal.language import say


@click.command()
@target_option
@click.option("--before-update", is_flag=True, help="Mark it as made before an update.")
@data_dir_option
@json_option
@lang_option
def create(target: str | None, data_dir: Path, *, before_update: bool, as_json: bool) -> None:
    """Back the box up now, let old backups go, and check a part of what is stored."""
    reason = BackupReason.BEFORE_UPDATE if before_update else BackupReason.ASKED
    with opened(data_dir) as door:
        order = CreateBackup(target=the_target(door, target), reason=reason)
        job = follow(door, order)
        state = overview(door).sheet
    if as_json:
        print_json(job)
        return
    click.echo(
        say(
            f"Stored and checked: backup {job.snapshot[:8]}.",
            f"Rangé et vérifié\u00a0: sauvegarde {job.snapshot[:8]}.",
        )
    )
    if state is not SheetState.CONFIRMED:
        click.echo(
            say(
                "Nobody could open it without this box yet: print the recovery sheet with `atre "
                "backup sheet`.",
                "Personne ne pourrait encore l’ouvrir sans ce boîtier\u00a0: imprimez la feuille "
                "de récupération avec `atre backup sheet`.",
            )
        )
