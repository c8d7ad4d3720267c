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
from atre.ipc.backup_messages import AddTarget, RemoveTarget
from atre.ipc.backup_replies import BackupOverview, SheetState
from atre.language import say

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


@click.command()
@click.option("--add", metavar="LOCATION", help="Name a folder or sftp:USER@HOST:/PATH.")
@click.option("--name", help="What to call it.  [default: the location]")
@click.option("--remove", metavar="NAME", help="Forget one; what lies there stays.")
@data_dir_option
@json_option
@lang_option
def targets(
    add: str | None, name: str | None, remove: str | None, data_dir: Path, *, as_json: bool
) -> None:
    """List the places for backups, and when each was last backed up to and proven."""
    if add and remove:
        raise click.UsageError("Give --add or --remove, not both.")
    with opened(data_dir, makes=True) as door:
        if add:
            location = add if add.startswith("sftp:") else str(Path(add).expanduser().absolute())
            door.answer(AddTarget(name=(name or location)[:100], location=location))
        if remove:
            door.answer(RemoveTarget(target=remove))
        found = overview(door)
    if as_json:
        print_json(found)
        return
    _print(found)


def _print(found: BackupOverview) -> None:
    if found.program_problem:
        click.echo(say(found.program_problem, found.program_problem_fr))
    for each in found.targets:
        away = "" if each.is_present else say("  (away)", "  (absent)")
        free = "" if each.free_bytes is None else f"  {size(each.free_bytes)}"
        click.echo(f"{each.name}{away}{free}")
        last = moment(each.last_backup_at)
        click.echo(
            say(f"  last backup {last}, ", f"  dernière sauvegarde {last}, ")
            + proof(each.last_proven)
        )
        if each.last_backup_at is not None and not each.opens_with_sheet:
            click.echo(
                say(
                    "  the recovery sheet opens it from the next backup on",
                    "  la feuille de récupération l’ouvrira dès la prochaine sauvegarde",
                )
            )
        if each.message:
            click.echo("  " + say(each.message, each.message_fr))
    if not found.targets:
        click.echo(say("No place for backups yet.", "Aucun endroit de sauvegarde pour l’instant."))
    click.echo(say(*_SHEET[found.sheet]))
    if found.next_at is not None:
        next_at = moment(found.next_at)
        click.echo(say(f"Next backup: {next_at}", f"Prochaine sauvegarde\u00a0: {next_at}"))
