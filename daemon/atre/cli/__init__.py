# SPDX-License-Identifier: Apache-2.0
"""The ``atre`` command: one file a verb; other packages add theirs by entry point."""

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any

import click

from atre import __version__
from atre.cli.backup import backup
from atre.cli.bench import bench
from atre.cli.certificate import certificate
from atre.cli.detect import detect
from atre.cli.discover import discover
from atre.cli.doctor import doctor
from atre.cli.model import model
from atre.cli.power import power
from atre.cli.provision import provision
from atre.cli.reset import reset
from atre.cli.seal import seal
from atre.cli.serve import serve
from atre.cli.space import space
from atre.cli.update import update
from atre.errors import AtreError
from atre.terminal.click_words import in_language_of
from atre.terminal.help_words import in_french_words
from atre.terminal.language import in_french, lang_option

__all__ = ["main"]


class _Atre(click.Group):
    """Turns our own errors into one line on stderr and exit status 1.

    What click says by itself is in the language of the command, and so is our own help.
    """

    def main(self, args: Sequence[str] | None = None, *rest: Any, **more: Any) -> Any:
        with in_language_of(sys.argv[1:] if args is None else args) as language:
            said = in_french_words(self) if language == "fr" else self
            return super(_Atre, said).main(args, *rest, **more)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except AtreError as error:
            raise click.ClickException(error.sentence.spoken(french=in_french())) from error


@click.group(cls=_Atre)
@click.version_option(__version__, prog_name="atre")
@lang_option
def main() -> None:
    """Âtre: an office AI box on your own hardware."""


for _verb in (
    serve, model, backup, update, certificate, power, space, detect, doctor, seal, discover, bench,
    provision, reset,
):  # fmt: skip
    main.add_command(_verb)
for _entry in entry_points(group="atre.commands"):
    main.add_command(_entry.load(), _entry.name)
