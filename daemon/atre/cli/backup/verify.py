# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.backup.door import finished, job_options, print_json
from atre.ipc.backup_messages import VerifyBackup
from atre.terminal.language import say


@click.command()
@job_options
@click.option("--all", "is_whole", is_flag=True, help="Read all data, not only the next tenth.")
def verify(target: str | None, data_dir: Path, *, is_whole: bool, as_json: bool) -> None:
    """Check the repository, and read a part of its data."""
    job, _ = finished(data_dir, target, lambda to: VerifyBackup(target=to, is_whole=is_whole))
    if as_json:
        print_json(job)
        return
    click.echo(
        say(
            "The backups are whole as far as they were read.",
            "Les sauvegardes sont intactes, pour ce qui en a été lu.",
        )
    )
