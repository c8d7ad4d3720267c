# SPDX-License-Identifier: Apache-2.0
"""The accounts as the request being served sees them."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, current_app, g

from atre_web.accounts.database import connect
from atre_web.accounts.principal import Principal

_EXTENSION = "atre.accounts"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Where the accounts are kept, and the clock they go by (Unix seconds)."""

    database: Path
    clock: Callable[[], float]


def install(app: Flask, accounts: Accounts) -> None:
    """Give each request its own connection, closed when the request ends."""
    app.extensions[_EXTENSION] = accounts
    app.teardown_appcontext(_close)


def connection() -> sqlite3.Connection:
    """This request's connection to the database."""
    if "accounts_connection" not in g:
        g.accounts_connection = connect(_accounts().database)
    opened: sqlite3.Connection = g.accounts_connection
    return opened


def now() -> float:
    """The time by which tokens expire, in Unix seconds."""
    return _accounts().clock()


def principal() -> Principal:
    """Who makes this request; only for routes that the guard keeps."""
    known: Principal = g.principal
    return known


def _accounts() -> Accounts:
    accounts: Accounts = current_app.extensions[_EXTENSION]
    return accounts


def _close(_error: BaseException | None) -> None:
    opened = g.pop("accounts_connection", None)
    if opened is not None:
        opened.close()
