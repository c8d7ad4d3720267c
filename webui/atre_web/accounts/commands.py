# SPDX-License-Identifier: Apache-2.0
"""``atre key``: the API keys of a box, from its own console."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from atre.config import default_data_dir
from atre.errors import AtreError, StorageError
from atre_web.accounts import keys
from atre_web.accounts.database import connect
from atre_web.accounts.keys import ApiKey
from atre_web.accounts.migrations import migrate

_data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_data_dir,
    show_default="the user's own",
    help="Where the box keeps its data.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """What ``atre key create --json`` prints; the only time the secret is shown."""

    id: str
    name: str
    key: str


@click.group()
def key() -> None:
    """API keys: for a program on the LAN, or to log in to the panel."""


@key.command()
@click.argument("name")
@_data_dir
@_json
def create(name: str, data_dir: Path, as_json: bool) -> None:  # noqa: FBT001
    """Make a key called NAME and show it once."""
    with _database(data_dir) as connection:
        made, secret = keys.create(connection, name, now=time.time())
    if as_json:
        _print_json(NewKey(id=made.id, name=made.name, key=secret))
        return
    click.echo(secret)
    click.echo("Keep it now: the box stores only its hash and cannot show it again.", err=True)


@key.command("list")
@_data_dir
@_json
def list_(data_dir: Path, as_json: bool) -> None:  # noqa: FBT001
    """List the keys, revoked ones included."""
    with _database(data_dir) as connection:
        found = keys.list_keys(connection)
    if as_json:
        _print_json(found)
    else:
        Console().print(_table(found))


@key.command()
@click.argument("name_or_id", metavar="NAME-or-ID")
@_data_dir
@_json
def revoke(name_or_id: str, data_dir: Path, as_json: bool) -> None:  # noqa: FBT001
    """End a key at once, with the panel sessions opened with it."""
    with _database(data_dir) as connection:
        ended = keys.revoke(connection, name_or_id, now=time.time())
    if as_json:
        _print_json(ended)
    else:
        click.echo(f"Revoked {ended.name} ({ended.id}).")


@contextmanager
def _database(data_dir: Path) -> Iterator[sqlite3.Connection]:
    path = data_dir / "atre.db"
    try:
        if not path.exists():
            raise StorageError(
                f"{data_dir} holds no box yet. Start one with `atre serve --data-dir {data_dir}`, "
                "or name the right folder with --data-dir."
            )
        with closing(connect(path)) as connection:
            migrate(connection)
            yield connection
    except AtreError as error:
        raise click.ClickException(str(error)) from error


def _table(found: list[ApiKey]) -> Table:
    table = Table("id", "name", "created", "last used", "state")
    for each in found:
        state = "revoked" if each.revoked_at is not None else "live"
        if each.purpose == "run":
            state += " (of one run)"
        dates = (_date(each.created_at), _date(each.last_used_at))
        table.add_row(each.id, escape(each.name), *dates, state)
    return table


def _date(unix_s: float | None) -> str:
    if unix_s is None:
        return "—"
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M")


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)))
