# SPDX-License-Identifier: Apache-2.0
"""``atre backup targets rename``, ``remove`` and ``release``."""

from pathlib import Path

import click

from atre.cli.backup.door import Door, data_dir_option, lang_option, opened
from atre.ipc.media_messages import DescribeTargets, ReleaseTarget, RemoveTarget, RenameTarget
from atre.terminal.language import say

_target = click.argument("target")


@click.command()
@_target
@click.argument("label")
@data_dir_option
@lang_option
def rename(target: str, label: str, data_dir: Path) -> None:
    """Call a place otherwise."""
    with opened(data_dir, makes=True) as door:
        door.targets(RenameTarget(target=the_id(door, target), label=label))


@click.command()
@_target
@data_dir_option
@lang_option
def remove(target: str, data_dir: Path) -> None:
    """Back up there no longer; what is stored there stays."""
    with opened(data_dir, makes=True) as door:
        door.targets(RemoveTarget(target=the_id(door, target)))


@click.command()
@_target
@data_dir_option
@lang_option
def release(target: str, data_dir: Path) -> None:
    """Switch a disk off, so that it may be unplugged."""
    with opened(data_dir, makes=True) as door:
        door.targets(ReleaseTarget(target=the_id(door, target)))
    click.echo(say("The disk may be unplugged.", "Le disque peut être débranché."))


def the_id(door: Door, target: str) -> str:
    """The id of the target with that id or label; what is unknown is left for the box to refuse."""
    known = door.targets(DescribeTargets()).targets
    return next((each.id for each in known if target in (each.id, each.label)), target)
