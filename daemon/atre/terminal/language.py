# SPDX-License-Identifier: Apache-2.0
"""In which language a command speaks: ``--lang``, else that of the terminal."""

import os
from collections.abc import Mapping

import click

LANGUAGES = ("fr", "en")
_KEY = "atre.terminal.language"


def _remember(context: click.Context, _option: click.Parameter, language: str | None) -> None:
    # A verb without it leaves its group's as it was.
    context.meta[_KEY] = language or context.meta.get(_KEY)


lang_option = click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    expose_value=False,
    callback=_remember,
    help="Speak this language.  [default: that of the terminal]",
)


def in_french() -> bool:
    """Whether this command speaks French; ``--lang`` has the last word."""
    context = click.get_current_context(silent=True)
    asked = context.meta.get(_KEY) if context else None
    return speaks_french(os.environ) if asked is None else asked == "fr"


def say(english: str, french: str) -> str:
    """A sentence in the language of this command."""
    return french if in_french() else english


def speaks_french(environment: Mapping[str, str]) -> bool:
    """Whether messages are wanted in French, by the variables of POSIX 8.2, in their order."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    language = next((environment[name] for name in names if environment.get(name)), "")
    return language.startswith("fr")
