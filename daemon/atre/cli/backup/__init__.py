# SPDX-License-Identifier: Apache-2.0
"""``atre backup``: make backups, prove them, bring one back."""

import click

from atre.cli.backup.create import create
from atre.cli.backup.drill import drill
from atre.cli.backup.group import BackupGroup
from atre.cli.backup.keys import keys
from atre.cli.backup.list_ import list_
from atre.cli.backup.outcome import confirm, undo
from atre.cli.backup.restore import restore
from atre.cli.backup.sheet import sheet
from atre.cli.backup.targets import targets
from atre.cli.backup.thin import thin
from atre.cli.backup.verify import verify
from atre.terminal.language import lang_option

__all__ = ["backup"]


@click.group(cls=BackupGroup)
@lang_option
def backup() -> None:
    """Backups: make, prove and restore.

    Exit status 3 is a wrong key, 4 a place that is away or unknown, 5 no room, 6 another job that
    runs, 7 a backup that is damaged or was not proven, 1 anything else.
    """


for _verb in (targets, create, list_, verify, drill, thin, restore, confirm, undo, sheet, keys):
    backup.add_command(_verb)
