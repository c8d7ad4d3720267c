# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.update.words import client_of, lines, print_json
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option, json_option


@click.command()
@data_dir_option
@json_option
@lang_option
def status(data_dir: Path, *, as_json: bool) -> None:
    """Say what runs, what waits, and what came of the last update."""
    overview = client_of(data_dir).describe()
    if as_json:
        print_json(overview)
        return
    for line in lines(overview):
        click.echo(line)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
@json_option
@lang_option
def rollback(data_dir: Path, *, yes: bool, as_json: bool) -> None:
    """Go back to the previous version; the box restarts."""
    client = client_of(data_dir)
    told = client.describe().go_back
    if not yes and told is not None and told.refusal is None:
        click.confirm(
            say(
                f"Restart with version {told.version}?",
                f"Redémarrer avec la version {told.version}\N{NO-BREAK SPACE}?",
            ),
            abort=True,
        )
    overview = client.go_back()
    if as_json:
        print_json(overview)
        return
    click.echo(say("The box restarts now.", "Le boîtier redémarre."))
