# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.errors import ConfigError
from atre.provision import signature
from atre.provision.apply import apply_files, credentials
from atre.provision.file import read
from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option

_key_option = click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=signature.PINNED_KEY,
    show_default="the image's",
    help="Public key that must have signed it.",
)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
@lang_option
def provision() -> None:
    """Set a box up beforehand, by one file."""


@provision.command()
@click.argument("file", type=_FILE)
@_key_option
@lang_option
def check(file: Path, key_file: Path) -> None:
    """Say whether a box would take FILE. Its signature is checked where one is needed."""
    data, signed = _read(file)
    is_signed = signature.check(data, signed, key_file)
    read(data)
    click.echo(
        say("The file is right and signed.", "Le fichier est juste et signé.")
        if is_signed
        else say("The file is right.", "Le fichier est juste.")
    )


@provision.command()
@click.argument("file", type=_FILE, required=False)
@_key_option
@data_dir_option
@lang_option
def apply(file: Path | None, key_file: Path, data_dir: Path) -> None:
    """Take FILE over, or what systemd's credentials bring. A second time changes nothing."""
    found = _read(file) if file else credentials()
    if found is None:
        click.echo(say("There is nothing to apply.", "Il n’y a rien à appliquer."))
        return
    changed = apply_files(data_dir.expanduser().absolute(), *found, key_file=key_file)
    click.echo(
        say("Applied. It counts from the next start of the box.", "Appliqué. Cela compte dès le "
            "prochain démarrage du boîtier.")
        if changed
        else say("It was applied already.", "C’était déjà appliqué.")
    )  # fmt: skip


def _read(file: Path) -> tuple[bytes, bytes | None]:
    signed = file.with_name(f"{file.name}.sig")
    try:
        return file.read_bytes(), signed.read_bytes() if signed.exists() else None
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read ({error.strerror}).",
            f"{file} ne peut pas être lu ({error.strerror}).",
        ) from error
