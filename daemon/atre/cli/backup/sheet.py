# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import click
import segno

from atre.cli.backup.door import (
    data_dir_option,
    json_option,
    lang_option,
    opened,
    print_json,
)
from atre.cli.backup.page import page
from atre.ipc.backup_messages import ConfirmSheet, ShowSheet
from atre.ipc.backup_replies import RecoverySheet
from atre.system.durable import write_durably
from atre.terminal.language import in_french, say


@click.command()
@click.option(
    "--page",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Write a page to print.",
)
@click.option(
    "--renew", is_flag=True, help="Make another key; the older sheet opens no backup any more."
)
@click.option("--confirm", is_flag=True, help="Type the key back, as proof that the sheet exists.")
@data_dir_option
@json_option
@lang_option
def sheet(path: Path | None, data_dir: Path, *, renew: bool, confirm: bool, as_json: bool) -> None:
    """Show the recovery sheet. It opens the backups once this box is gone."""
    with opened(data_dir) as door:
        if confirm:
            typed = click.prompt(say("Key on the sheet", "Clé de la feuille"))
            reply = door.answer(ConfirmSheet(key=typed))
        else:
            reply = door.answer(ShowSheet(renew=renew))
    if path is not None and isinstance(reply, RecoverySheet):
        write_durably(path.absolute(), page(reply, french=in_french()).encode())
    if as_json:
        print_json(reply)
        return
    if not isinstance(reply, RecoverySheet):
        click.echo(say("Backups are recoverable.", "Les sauvegardes sont récupérables."))
        return
    click.echo(say(f"Box {reply.unit}", f"Boîtier {reply.unit}"))
    click.echo(reply.key)
    segno.make(reply.payload, error="m").terminal(compact=True)
    if reply.disk_key:
        click.echo(
            say(f"Key of the disk: {reply.disk_key}", f"Clé du disque\u00a0: {reply.disk_key}")
        )
    click.echo(
        say(
            "Print it or write it down, keep it away from the box, then: atre backup sheet "
            "--confirm",
            "Imprimez-la ou recopiez-la, gardez-la loin du boîtier, puis\u00a0: atre backup sheet "
            "--confirm",
        )
    )
