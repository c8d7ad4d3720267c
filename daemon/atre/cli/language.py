# SPDX-License-Identifier: Apache-2.0
"""In which language a command speaks: ``--lang``, else that of the terminal."""

import os

import click

from atre.cli.announcement import speaks_french

_KEY = "atre.cli.language"


def _remember(context: click.Context, _option: click.Parameter, language: str | None) -> None:
    context.meta[_KEY] = language


lang_option = click.option(
    "--lang",
    type=click.Choice(["fr", "en"]),
    expose_value=False,
    callback=_remember,
    help="Speak this language.  [default: that of the terminal]",
)


def in_french() -> bool:
    """Whether this command speaks French; ``--lang`` has the last word."""
    context = click.get_current_context(silent=True)
    asked = context.meta.get(_KEY) if context else None
    return speaks_french(os.environ) if asked is None else asked == "fr"
