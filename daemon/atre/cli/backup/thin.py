# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.backup.door import finished, job_options, print_json
from atre.ipc.backup_messages import ThinBackup
from atre.terminal.language import say


@click.command()
@job_options
def thin(target: str | None, data_dir: Path, *, as_json: bool) -> None:
    """Let old backups go now, by the policy. A place that is full does not hinder it.

    The newest backup, and the newest that was proven, always stay.
    """
    job, _ = finished(data_dir, target, lambda place: ThinBackup(target=place))
    if as_json:
        print_json(job)
        return
    click.echo(
        say(
            "Old backups that the policy does not keep are gone.",
            "Les vieilles sauvegardes que la règle ne garde pas sont parties.",
        )
    )
