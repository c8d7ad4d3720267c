# SPDX-License-Identifier: Apache-2.0
"""``atre key``: the API keys of a box, from its own console."""

import time
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from atre.terminal.language import lang_option, say
from atre.terminal.options import data_dir_option, json_option
from atre_web.accounts import keys
from atre_web.accounts.console import database, date, print_json
from atre_web.accounts.keys import ApiKey
from atre_web.accounts.principal import SCOPES, Scope


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """What ``atre key create --json`` prints; the only time the secret is shown."""

    id: str
    name: str
    key: str


@click.group()
@lang_option
def key() -> None:
    """API keys, for programs."""


@key.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=keys.USUAL_SCOPES,
    show_default=True,
    help="What it may be used for; repeat for several.",
)
@data_dir_option
@json_option
@lang_option
def create(
    name: str,
    scopes: tuple[Scope, ...],
    data_dir: Path,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Make a key called NAME and show it once."""
    with database(data_dir) as connection:
        made, secret = keys.create(connection, name, now=time.time(), scopes=scopes)
    if as_json:
        print_json(NewKey(id=made.id, name=made.name, key=secret))
        return
    click.echo(secret)
    click.echo(
        say(
            "Keep it now: the box stores only its hash and cannot show it again.",
            "Notez-la maintenant : le boîtier n’en garde que l’empreinte et ne peut pas la montrer "
            "de nouveau.",
        ),
        err=True,
    )


@key.command("list")
@data_dir_option
@json_option
@lang_option
def list_(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001
    """List the keys, revoked ones included."""
    with database(data_dir) as connection:
        found = keys.list_keys(connection)
    if as_json:
        print_json(found)
    else:
        Console().print(_table(found))


@key.command()
@click.argument("name_or_id", metavar="NAME-or-ID")
@data_dir_option
@json_option
@lang_option
def revoke(name_or_id: str, data_dir: Path, as_json: bool) -> None:  # noqa: FBT001
    """End a key at once."""
    with database(data_dir) as connection:
        ended = keys.revoke(connection, name_or_id, now=time.time())
    if as_json:
        print_json(ended)
    else:
        who = f"{ended.name} ({ended.id})"
        click.echo(say(f"Revoked {who}.", f"Clé révoquée : {who}."))


def _table(found: list[ApiKey]) -> Table:
    table = Table(
        "id",
        Column(say("name", "nom"), no_wrap=True),
        say("for", "pour"),
        say("created", "créée"),
        say("last used", "dernier usage"),
        say("state", "état"),
    )
    for each in found:
        is_live = each.revoked_at is None
        state = say("live", "en service") if is_live else say("revoked", "révoquée")
        if each.purpose == "run":
            state += say(" (of one run)", " (d’un seul démarrage)")
        dates = (date(each.created_at), date(each.last_used_at))
        table.add_row(each.id, escape(each.name), " ".join(each.scopes), *dates, state)
    return table
