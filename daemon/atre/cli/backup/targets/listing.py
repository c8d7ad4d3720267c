# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.backup.door import (
    data_dir_option,
    json_option,
    lang_option,
    opened,
    overview,
    print_json,
)
from atre.cli.backup.words import moment, proof
from atre.cli.model.shared import size
from atre.ipc.backup_replies import BackupOverview, BackupTarget, SheetState
from atre.ipc.media_messages import DescribeTargets, DiskState, Targets
from atre.terminal.language import say

_SHEET = {
    SheetState.NONE: (
        "There is no recovery sheet yet: `atre backup sheet`.",
        "Il n’y a pas encore de feuille de récupération\u00a0: `atre backup sheet`.",
    ),
    SheetState.UNCONFIRMED: (
        "Nobody typed the recovery sheet's key back yet: `atre backup sheet --confirm`.",
        "Personne n’a encore retapé la clé de la feuille\u00a0: `atre backup sheet --confirm`.",
    ),
    SheetState.CONFIRMED: (
        "Recoverable with the recovery sheet.",
        "Récupérables avec la feuille de récupération.",
    ),
}


@click.group(invoke_without_command=True)
@data_dir_option
@json_option
@lang_option
@click.pass_context
def targets(context: click.Context, data_dir: Path, *, as_json: bool) -> None:
    """The places for backups, and the disks that are plugged in.

    Each with when it was last backed up to, and last proven.
    """
    if context.invoked_subcommand is not None:
        return
    with opened(data_dir, makes=True) as door:
        found, places = overview(door), door.targets(DescribeTargets())
    if as_json:
        print_json(found)
        return
    _print(found, places)


def _print(found: BackupOverview, places: Targets) -> None:
    if found.program_problem:
        click.echo(say(found.program_problem, found.program_problem_fr))
    for each in found.targets:
        _print_target(each)
    if not found.targets:
        click.echo(say("No place for backups yet.", "Aucun endroit de sauvegarde pour l’instant."))
    for disk in places.disks:
        if disk.state is DiskState.OFFERED:
            offered = f"{disk.name} ({size(disk.size_bytes)})"
            verb = f"`atre backup targets add-disk {disk.id}`"
            click.echo(say(f"Plugged in: {offered}. {verb}", f"Branché\u00a0: {offered}. {verb}"))
    click.echo(say(*_SHEET[found.sheet]))
    if found.next_at is not None:
        next_at = moment(found.next_at)
        click.echo(say(f"Next backup: {next_at}", f"Prochaine sauvegarde\u00a0: {next_at}"))


def _print_target(each: BackupTarget) -> None:
    away = "" if each.is_present else say("  (away)", "  (absent)")
    free = "" if each.free_bytes is None else f"  {size(each.free_bytes)}"
    click.echo(f"{each.name}{away}{free}")
    last = moment(each.last_backup_at)
    click.echo(
        say(f"  last backup {last}, ", f"  dernière sauvegarde {last}, ") + proof(each.last_proven)
    )
    if each.last_backup_at is not None and not each.opens_with_sheet:
        click.echo(
            say(
                "  the recovery sheet opens it from the next backup on",
                "  la feuille de récupération l’ouvrira dès la prochaine sauvegarde",
            )
        )
    if each.reason is not None:
        click.echo("  " + say(each.reason.text, each.reason.text_fr))
    if each.message:
        click.echo("  " + say(each.message, each.message_fr))
