# SPDX-License-Identifier: Apache-2.0
import time
from pathlib import Path

import click

from atre.errors import ConfigError, InvalidRequestError
from atre.ipc.appliance_messages import FactoryReset
from atre.reset import factory, order
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option


@click.command()
@click.option("--factory", "is_factory", is_flag=True, help="Erase everything at the next start.")
@click.option("--cancel", is_flag=True, help="Erase nothing after all.")
@click.option("--serial", "typed", help="The box's serial number, instead of being asked for it.")
@data_dir_option
@lang_option
def reset(*, is_factory: bool, cancel: bool, typed: str | None, data_dir: Path) -> None:
    """Make the box as it was delivered. People, conversations, keys and models go."""
    data_dir = data_dir.expanduser().absolute()
    if is_factory == cancel:
        raise InvalidRequestError(
            "Say either --factory or --cancel.", "Dites soit --factory, soit --cancel."
        )
    if not data_dir.is_dir():
        raise ConfigError(
            f"There is no box in {data_dir}. Say where with --data-dir.",
            f"Il n’y a pas de boîtier dans {data_dir}. Dites où avec --data-dir.",
        )
    try:
        _cancel(data_dir) if cancel else _order(data_dir, typed)
    except OSError as error:
        raise ConfigError(
            f"The order cannot be written ({error}). Free some disk space.",
            f"L’ordre ne peut pas être écrit ({error}). Libérez de la place sur le disque.",
        ) from error


def _cancel(data_dir: Path) -> None:
    order.take_back(data_dir)
    click.echo(say("Nothing will be erased.", "Rien ne sera effacé."))


def _order(data_dir: Path, typed: str | None) -> None:
    serial = factory.serial(data_dir)
    if typed is None:
        question = say(
            f"This erases everything in {data_dir}, for good. Make a backup first. To go on, type "
            f"{serial}",
            f"Ceci efface tout dans {data_dir}, pour de bon. Faites d’abord une sauvegarde. Pour "
            f"continuer, tapez {serial}",
        )
        typed = click.prompt(question, prompt_suffix="\N{NO-BREAK SPACE}: ")
    factory.check_typed(data_dir, typed)
    order.give(data_dir, FactoryReset(ordered_at=time.time(), by=""))
    click.echo(
        say(
            "The next start of the box erases everything. Until then --cancel takes it back.",
            "Le prochain démarrage du boîtier efface tout. D’ici là, --cancel l’annule.",
        )
    )
