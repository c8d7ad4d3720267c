# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.model.shared import data_dir_option, open_store, say


@click.command()
@click.argument("name")
@data_dir_option
def use(name: str, data_dir: Path) -> None:
    """Answer with the stored model NAME, or with `factory`, from the box's next start on.

    A model that cannot be loaded then leaves the factory model in place, and the status page says
    why. `atre serve --model` has the last word.
    """
    open_store(data_dir).choose(name)
    click.echo(
        say(
            f"The box answers with {name} from its next start on.",
            f"Le boîtier répondra avec {name} dès son prochain démarrage.",
        )
    )
