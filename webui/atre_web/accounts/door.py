# SPDX-License-Identifier: Apache-2.0
"""What a start of the box does to its accounts, before anything listens."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import msgspec

from atre.config import Config
from atre.reset import factory
from atre.system.slot import read_started
from atre_web.accounts import claim, claim_news, keys, provisioned
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.going_back import give_back
from atre_web.accounts.integrity import check_integrity
from atre_web.accounts.migrations import MIGRATIONS, migrate
from atre_web.accounts.principal import SCOPES
from atre_web.accounts.tokens import new_id
from atre_web.chat import messages


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """The ways in that this start made. Secrets in clear: show them once, store them nowhere.

    ``first_key`` is set only if the box had no key; ``run_key`` lives until the next start.
    ``claim_path`` leads to the page that makes the box somebody's, None if it is somebody's;
    ``claim_code`` is the code for it, None if the one on the label counts.
    """

    first_key: str | None
    run_key: str | None
    claim_path: str | None
    claim_code: str | None


def open_door(
    config: Config,
    *,
    run_key: bool,
    clock: Callable[[], float] = time.time,
    uptime: Callable[[], float] = time.monotonic,
) -> Door:
    """Check the database, bring it up to date, open the claim, and make this start's ways in.

    Raises StorageError if the database cannot be used.
    """
    now = clock()
    if read_started() is not None:  # a box of two versions; elsewhere nobody goes back by himself
        give_back(config.database, len(MIGRATIONS))
    with closing(connect(config.database)) as connection:
        check_integrity(connection)
        migrate(connection)
        with transaction(connection):
            messages.interrupt(connection)
        has_key = any(
            key.revoked_at is None and key.purpose == "personal"
            for key in keys.list_keys(connection)
        )
        keys.delete_run_keys(connection)
        if stored := factory.label_code(config.data_dir):
            claim.take_up(connection, stored, uptime=uptime())
        provisioned.take_up(connection, config.state_dir)
        code = _claim_code(connection, uptime())
        claim_news.keep(config, is_claimed=claim.state(connection).is_claimed, code=code)
        return Door(
            first_key=None if has_key else keys.create(connection, "first", now=now)[1],
            run_key=_run_key(connection, now) if run_key else None,
            claim_path=_claim_path(connection, code),
            claim_code=code,
        )


def _claim_code(connection: sqlite3.Connection, uptime: float) -> str | None:
    """A new code for a box that is nobody's and has none on its label; an hour for any other."""
    now = claim.state(connection)
    if not now.is_claimed and (not now.has_code or now.source == "start"):
        return claim.new_code(connection, "start", uptime=uptime)
    claim.open_window(connection, uptime=uptime)
    return None


def _claim_path(connection: sqlite3.Connection, code: str | None) -> str | None:
    if claim.state(connection).is_claimed:
        return None
    return f"/claim?code={code}" if code else "/claim"


def _run_key(connection: sqlite3.Connection, now: float) -> str:
    # A person may have taken the plain name for a key of their own.
    name = f"run {new_id()}"
    return keys.create(connection, name, now=now, purpose="run", scopes=SCOPES)[1]
