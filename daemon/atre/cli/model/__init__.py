# SPDX-License-Identifier: Apache-2.0
"""``atre model``: the models that this box keeps."""

import click

from atre.cli.model.import_ import import_
from atre.cli.model.list_ import list_
from atre.cli.model.pull import pull
from atre.cli.model.remove import remove
from atre.cli.model.use import use
from atre.cli.model.verify import verify
from atre.terminal.language import lang_option

__all__ = ["model"]


@click.group()
@lang_option
def model() -> None:
    """Models: list, fetch, import, verify, choose, remove."""


for _verb in (list_, pull, import_, verify, use, remove):
    model.add_command(_verb)
