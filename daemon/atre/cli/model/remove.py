# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.model.shared import data_dir_option, open_store, say, size


@click.command()
@click.argument("name")
@data_dir_option
def remove(name: str, data_dir: Path) -> None:
    """Remove the stored model NAME, and free what no other model shares with it."""
    freed = size(open_store(data_dir).remove(name))
    click.echo(
        say(f"{name} is removed; {freed} are free again.", f"{name} est retiré ; {freed} libérés.")
    )
