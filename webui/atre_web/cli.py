# SPDX-License-Identifier: Apache-2.0
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from atre import config as configuration
from atre.errors import AtreError, StorageError
from atre.system.cpu_policy import never_preempt
from atre.system.lifeline import end_with_parent
from atre_web import create_app, create_http_app
from atre_web.accounts.database import connect
from atre_web.accounts.door import open_door
from atre_web.accounts.integrity import check_integrity
from atre_web.accounts.migrations import migrate
from atre_web.listener import Listener, run_listener
from atre_web.upkeep import Upkeep

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_CONFIG = click.option("--config", "config_path", type=click.Path(path_type=Path), required=True)


@click.group()
def main() -> None:
    """Run the web process of a box; ``atre serve`` and systemd call this."""


@main.command()
@_CONFIG
@click.option("--run-key", is_flag=True, help="Make an API key that lives as long as this run.")
def prepare(config_path: Path, *, run_key: bool) -> None:
    """Bring the database up to date and print, as JSON, the keys that open the door."""
    try:
        door = open_door(configuration.load(config_path), run_key=run_key)
    except AtreError as error:
        # For the daemon, which knows the language of whoever started it.
        click.echo(msgspec.json.encode(error.sentence), err=True)
        sys.exit(1)
    click.echo(msgspec.json.encode(door))


@main.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def try_database(path: Path) -> None:
    """Check the copy of a database at PATH and bring it up to date, as a start of the box does."""
    try:
        with closing(connect(path)) as connection:
            check_integrity(connection)
            migrate(connection)
    except AtreError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@_CONFIG
@click.option("--listener", type=click.Choice([each.value for each in Listener]), required=True)
@click.option("--lifeline", is_flag=True, help="End when standard input closes.")
def serve(config_path: Path, listener: Listener, *, lifeline: bool) -> None:
    """Serve the panel and the API, in clear on loopback or in TLS on the LAN.

    The listener http hands out the box's certificate authority, for devices to trust.
    """
    never_preempt()
    if lifeline:
        end_with_parent()
    config = configuration.load(config_path)
    make = create_http_app if listener == Listener.HTTP else create_app
    kept: list[sqlite3.Connection] = []

    def make_app() -> "WSGIApplication":
        # Here the worker process is there: a thread would not survive the fork that makes it.
        if listener == Listener.LOOPBACK:
            Upkeep(config.database).start()
        # Whenever its last connection closes, SQLite writes its journal back, syncs and deletes it:
        # without one that stays, that is at every request. Whoever asks first is told of an error.
        with suppress(StorageError):
            kept.append(connect(config.database))
        return make(config)

    run_listener(Listener(listener), config, make_app)


if __name__ == "__main__":
    sys.exit(main())
