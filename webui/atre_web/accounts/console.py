# SPDX-License-Identifier: Apache-2.0
"""What the console's verbs for accounts have in common."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import click
import msgspec

from atre.config import DEFAULT_PORT, default_runtime_dir, load
from atre.errors import AtreError, ConfigError, EngineError, StorageError
from atre.ipc.client import ManagementClient
from atre.terminal.language import in_french
from atre_web.accounts.database import connect
from atre_web.accounts.migrations import migrate
from atre_web.panel.address import panel_urls


@contextmanager
def database(data_dir: Path) -> Iterator[sqlite3.Connection]:
    """The database of the box in that folder; our own errors become one line on stderr."""
    path = data_dir / "atre.db"
    try:
        if not path.exists():
            raise StorageError(
                f"{data_dir} holds no box yet. Start one with `atre serve --data-dir {data_dir}`, "
                "or name the right folder with --data-dir.",
                f"{data_dir} ne contient pas encore de boîtier. Démarrez-en un avec `atre serve "
                f"--data-dir {data_dir}`, ou nommez le bon dossier avec --data-dir.",
            )
        with closing(connect(path)) as connection:
            migrate(connection)
            yield connection
    except AtreError as error:
        raise click.ClickException(error.sentence.spoken(french=in_french())) from error


def panel_url(data_dir: Path) -> str:
    """Where colleagues reach the panel, as far as the running box tells; else this machine."""
    try:
        config = load(default_runtime_dir(data_dir.expanduser().absolute()) / "config.json")
    except ConfigError:
        return f"http://127.0.0.1:{DEFAULT_PORT}"
    here = f"http://127.0.0.1:{config.port}"
    try:
        urls = panel_urls(ManagementClient(config.management_socket).describe())
    except EngineError:
        return here
    return urls[0].rstrip("/") if urls else here


def date(unix_s: float | None) -> str:
    """A moment of the machine's time zone, — for never."""
    if unix_s is None:
        return "—"
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M")


def print_json(value: object) -> None:
    """One value on standard output."""
    click.echo(msgspec.json.format(msgspec.json.encode(value)))
