# SPDX-License-Identifier: Apache-2.0
"""What a start of the box does to its accounts, before anything listens."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import msgspec

from atre.config import Config
from atre_web.accounts import keys, login_links
from atre_web.accounts.database import connect
from atre_web.accounts.migrations import migrate
from atre_web.accounts.tokens import new_id


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """The ways in that this start made. Secrets in clear: show them once, store them nowhere.

    ``first_key`` is set only if the box had no key; ``run_key`` lives until the next start.
    """

    first_key: str | None
    run_key: str | None
    login_path: str


def open_door(config: Config, *, run_key: bool, clock: Callable[[], float] = time.time) -> Door:
    """Bring the database up to date and make this start's ways in.

    Raises StorageError if the database cannot be used.
    """
    now = clock()
    with closing(connect(config.database)) as connection:
        migrate(connection)
        has_key = any(
            key.revoked_at is None and key.purpose == "personal"
            for key in keys.list_keys(connection)
        )
        keys.delete_run_keys(connection)
        return Door(
            first_key=None if has_key else keys.create(connection, "first", now=now)[1],
            run_key=_run_key(connection, now) if run_key else None,
            login_path=f"/login/link/{login_links.create(connection, now=now)}",
        )


def _run_key(connection: sqlite3.Connection, now: float) -> str:
    # A person may have taken the plain name for a key of their own.
    return keys.create(connection, f"run {new_id()}", now=now, purpose="run")[1]
