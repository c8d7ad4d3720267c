# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import TextIO

import click

from atre.cli.backup.door import (
    data_dir_option,
    json_option,
    lang_option,
    opened,
    print_json,
    the_target,
)
from atre.cli.backup.words import key_file_option, moment, target_option, unit_option
from atre.cli.model.shared import size
from atre.ipc.backup_messages import ListSnapshots
from atre.ipc.backup_replies import SnapshotListing
from atre.terminal.language import say

_REASONS = {
    "asked": ("asked for", "demandée"),
    "scheduled": ("daily", "quotidienne"),
    "before-update": ("before an update", "avant une mise à jour"),
}


@click.command(name="list")
@target_option
@unit_option
@key_file_option
@data_dir_option
@json_option
@lang_option
def list_(
    target: str | None, unit: str, key_file: TextIO | None, data_dir: Path, *, as_json: bool
) -> None:
    """List the backups at a place, newest first."""
    key = key_file.read().strip() if key_file else ""
    with opened(data_dir, makes=True) as door:
        request = ListSnapshots(target=the_target(door, target), unit=unit, key=key)
        listing = door.answer(request)
    if as_json:
        print_json(listing)
        return
    if not isinstance(listing, SnapshotListing):
        raise TypeError(listing)
    for each in listing.snapshots:
        reason = say(*_REASONS.get(each.reason, (each.reason, each.reason)))
        click.echo(
            f"{each.id[:8]}  {moment(each.at)}  Âtre {each.version}  {size(each.size_bytes)} "
            f"(+{size(each.added_bytes)})  {reason}"
        )
    if not listing.snapshots:
        click.echo(say("No backup lies there.", "Aucune sauvegarde à cet endroit."))
