# SPDX-License-Identifier: Apache-2.0
import contextlib
import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from atre.choices.unit_file import read_unit_file
from atre.errors import ConfigError
from atre.provision import bench
from atre.sealing.rules import Wishes
from atre.sealing.seal import Sealed
from atre.sealing.seal import seal as seal_unit
from atre.terminal.language import in_french, lang_option, say
from atre.terminal.options import data_dir_option, json_option

_NBSP = "\N{NO-BREAK SPACE}"


@click.command()
@click.option(
    "--unit",
    "unit_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The unit's file from the reseller's kit: serial number, name, hash of its claim code.",
)
@click.option("--no-label", is_flag=True, help="Seal a unit without a claim code on its label.")
@click.option("--no-burn-in", is_flag=True, help="Seal a unit that was not put to the test.")
@data_dir_option
@json_option
@lang_option
def seal(
    unit_file: Path | None, data_dir: Path, *, no_label: bool, no_burn_in: bool, as_json: bool
) -> None:
    """Make a unit ready to be packed. Every trace of the bench goes."""
    data_dir = data_dir.expanduser().absolute()
    if not data_dir.is_dir():
        raise ConfigError(
            f"{data_dir} is no box's data. Name the right folder with --data-dir.",
            f"{data_dir} ne contient pas de boîtier. Nommez le bon dossier avec --data-dir.",
        )
    wishes = Wishes(without_label=no_label, without_burn_in=no_burn_in)
    given = read_unit_file(unit_file) if unit_file else None
    with _alone(data_dir) as is_alone:
        done = seal_unit(data_dir, given, wishes, is_alone=is_alone)
        if done.is_sealed:
            bench.forget(data_dir)
    click.echo(msgspec.json.format(msgspec.json.encode(done)) if as_json else _told(done))
    if not done.is_sealed:
        sys.exit(1)


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[bool]:
    """Hold the lock that a box holds while it runs (``atre.box.box``), if it is to be had."""
    with (data_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _told(done: Sealed) -> str:
    colon = say(":", f"{_NBSP}:")
    if not done.is_sealed:
        lines = [say("NOT sealed:", f"PAS scellé{_NBSP}:")]
        return "\n".join(
            lines + [f"  ✗ {each.spoken(french=in_french())}" for each in done.refusals]
        )
    models = ", ".join(done.models) or say("the factory model alone", "le modèle d’usine seul")
    rows = [
        (say("Unit", "Boîtier"), done.serial or "—"),
        (say("Name", "Nom"), f"{done.name}.local" if done.name else "—"),
        (say("Its key", "Sa clé"), done.key),
        (say("Models, verified", "Modèles, vérifiés"), models),
        (say("Removed", "Supprimés"), ", ".join(done.removed) or "—"),
    ]
    lines = [say("Sealed. Do not start it again.", "Scellé. Ne le redémarrez pas.")]
    return "\n".join(lines + [f"{name}{colon} {value}" for name, value in rows])
