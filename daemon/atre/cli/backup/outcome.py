# SPDX-License-Identifier: Apache-2.0
"""``atre backup confirm`` and ``undo``: what becomes of a restore."""

from pathlib import Path

import click

from atre.cli.backup.door import data_dir_option, json_option, lang_option, opened, print_json
from atre.ipc.backup_messages import ConfirmRestore, UndoRestore
from atre.ipc.backup_replies import BackupOverview
from atre.terminal.language import say


@click.command()
@data_dir_option
@json_option
@lang_option
def confirm(data_dir: Path, *, as_json: bool) -> None:
    """Keep what was restored, and remove what it replaced."""
    with opened(data_dir) as door:
        reply = door.answer(ConfirmRestore())
    if as_json:
        print_json(reply)
        return
    click.echo(
        say(
            "Kept. What was there before is removed.", "Gardé. Ce qu’il y avait avant est supprimé."
        )
    )


@click.command()
@data_dir_option
@json_option
@lang_option
def undo(data_dir: Path, *, as_json: bool) -> None:
    """Go back to what a restore replaced."""
    with opened(data_dir, makes=True) as door:
        reply = door.answer(UndoRestore())
    if as_json:
        print_json(reply)
        return
    is_ordered = isinstance(reply, BackupOverview) and reply.restore is not None
    click.echo(
        say(
            "What was there before comes back with the next start of the box.",
            "Ce qu’il y avait avant revient au prochain démarrage du boîtier.",
        )
        if is_ordered
        else say("Dropped; nothing was changed.", "Abandonné\u00a0; rien n’a changé.")
    )
