# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click

from atre.cli.backup.door import (
    data_dir_option,
    json_option,
    lang_option,
    opened,
    print_json,
    the_target,
)
from atre.cli.backup.words import target_option
from atre.ipc.backup_messages import AddKey, BackupRequest, ListKeys, RemoveKey
from atre.ipc.backup_replies import KeyListing
from atre.terminal.language import say

_ROLES = {
    "box": ("the box", "le boîtier"),
    "sheet": ("recovery sheet", "feuille de récupération"),
    "manager": ("manager", "gestionnaire"),
    "unknown": ("unknown", "inconnue"),
}


@click.command()
@target_option
@click.option("--add", metavar="NAME", help="Let another password open the backups; it is asked.")
@click.option("--remove", metavar="ID", help="Take a manager's key away.")
@data_dir_option
@json_option
@lang_option
def keys(
    target: str | None, add: str | None, remove: str | None, data_dir: Path, *, as_json: bool
) -> None:
    """List the keys that open the backups at a place. Add or remove one."""
    if add and remove:
        raise click.UsageError(
            say("Give --add or --remove, not both.", "Donnez --add ou --remove, pas les deux.")
        )
    with opened(data_dir) as door:
        asked = the_target(door, target)
        request: BackupRequest = ListKeys(target=asked)
        if add:
            label = say("Password", "Mot de passe")
            password = click.prompt(label, hide_input=True, confirmation_prompt=True)
            request = AddKey(target=asked, name=add, password=password)
        elif remove:
            request = RemoveKey(target=asked, key_id=remove)
        listing = door.answer(request)
    if as_json:
        print_json(listing)
        return
    if not isinstance(listing, KeyListing):
        raise TypeError(listing)
    for each in listing.keys:
        name = f" {each.name}" if each.name else ""
        click.echo(f"{each.id[:8]}  {each.made_at[:16]}  {say(*_ROLES[each.role])}{name}")
