# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.backup.door import (
    data_dir_option,
    follow,
    json_option,
    lang_option,
    opened,
    print_json,
    the_target,
)
from atre.cli.backup.words import target_option
from atre.ipc.backup_messages import VerifyBackup
from atre.terminal.language import say


@click.command()
@target_option
@click.option("--all", "is_whole", is_flag=True, help="Read all data, not only the next tenth.")
@data_dir_option
@json_option
@lang_option
def verify(target: str | None, data_dir: Path, *, is_whole: bool, as_json: bool) -> None:
    """Check the repository, and read a part of its data."""
    with opened(data_dir) as door:
        order = VerifyBackup(target=the_target(door, target), is_whole=is_whole)
        job = follow(door, order)
    if as_json:
        print_json(job)
        return
    click.echo(
        say(
            "The backups are whole as far as they were read.",
            "Les sauvegardes sont intactes, pour ce qui en a été lu.",
        )
    )
