# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.model.shared import open_store, size
from atre.models.unfinished import forget_unfinished
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option


@click.command()
@click.argument("name", required=False)
@click.option("--unfinished", is_flag=True, help="Forget downloads that stopped, too.")
@data_dir_option
@lang_option
def remove(name: str | None, data_dir: Path, *, unfinished: bool) -> None:
    """Remove the stored model NAME. What other models share with it stays."""
    if name is None and not unfinished:
        raise click.UsageError(
            say("Name a model, or give --unfinished.", "Nommez un modèle, ou ajoutez --unfinished.")
        )
    store = open_store(data_dir)
    freed_bytes = store.remove(name) if name else 0
    if unfinished:
        freed_bytes += forget_unfinished(store.partial_dir)
    freed = size(freed_bytes)
    click.echo(say(f"Removed; {freed} are free again.", f"Retiré ; {freed} libérés."))
