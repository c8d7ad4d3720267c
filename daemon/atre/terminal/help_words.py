# SPDX-License-Identifier: Apache-2.0
"""What our own ``--help`` says, in French.

Commands are written in English, before anybody knows the language of the command line: for a
French one, a French copy of them is run.
"""

import copy
import gettext
import inspect
import re
from functools import cache
from pathlib import Path
from typing import TypeVar

import click

_Command = TypeVar("_Command", bound=click.Command)
_DOMAIN = "help"
_CATALOGUES = Path(__file__).parent / "locale"


def in_french_words(command: _Command) -> _Command:
    """Copy a command and all below it, with help, defaults and names of values in French.

    What the catalogue lacks stays in English.
    """
    found = copy.copy(command)
    found.help, found.short_help = _french(command.help), _french(command.short_help)
    context = click.Context(command)
    found.params = [_parameter(each, context) for each in command.params]
    if isinstance(command, click.Group) and isinstance(found, click.Group):
        found.subcommand_metavar = _french(command.subcommand_metavar) or ""
        found.commands = {name: in_french_words(each) for name, each in command.commands.items()}
    return found


def paragraphs(text: str) -> str:
    """A help text however its source is broken into lines: one line a paragraph."""
    found = re.split(r"\n\s*\n", inspect.cleandoc(text))
    return "\n\n".join(" ".join(each.split()) for each in found)


def _parameter(written: click.Parameter, context: click.Context) -> click.Parameter:
    found = copy.copy(written)
    found.metavar = _french(written.make_metavar(context))
    if isinstance(written, click.Option) and isinstance(found, click.Option):
        found.help = _french(written.help)
        if isinstance(written.show_default, str):
            found.show_default = _french(written.show_default)
    return found


def _french(text: str | None) -> str | None:
    return _catalogue().gettext(paragraphs(text)) if text else text


@cache
def _catalogue() -> gettext.NullTranslations:
    return gettext.translation(_DOMAIN, _CATALOGUES, ["fr"])
