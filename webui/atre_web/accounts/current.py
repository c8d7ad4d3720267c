# SPDX-License-Identifier: Apache-2.0
"""The accounts as the request being served sees them."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, current_app, g, request

from atre_web.accounts import audit, quotas
from atre_web.accounts.database import connect
from atre_web.accounts.meter import AskEnergy, Meter, nobody_knows
from atre_web.accounts.principal import Principal
from atre_web.accounts.running import Running

_EXTENSION = "atre.accounts"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Where the accounts are kept, and the clocks they go by.

    ``clock`` gives Unix seconds; ``uptime`` seconds of a clock that nobody can set, the same in
    every process until the machine restarts. ``on_claim`` is called once the box has an owner.
    """

    database: Path
    clock: Callable[[], float]
    running: Running
    uptime: Callable[[], float] = time.monotonic
    on_claim: Callable[[], None] = lambda: None
    ask_energy: AskEnergy = nobody_knows


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


def data_dir() -> Path:
    """Where the box keeps its data."""
    return _accounts().database.parent


def uptime() -> float:
    """The time by which the claim closes."""
    return _accounts().uptime()


def principal() -> Principal:
    """Who makes this request; only for routes that the guard keeps."""
    known: Principal = g.principal
    return known


def known_principal() -> Principal | None:
    """Who makes this request, or None on a route that is open to anybody."""
    known: Principal | None = g.get("principal")
    return known


def meter(*, choices: int = 1) -> Meter:
    """Begin to count this request. Raises QuotaError for somebody who has had enough for now.

    Whoever calls it closes it.
    """
    accounts, who = _accounts(), principal()
    quotas.check_tokens(connection(), who, now=now())
    limit = quotas.quota_of(connection(), who.person_id).max_concurrent
    place = accounts.running.enter(who, limit)
    return Meter(
        who,
        place,
        accounts.database,
        accounts.clock,
        choices=choices,
        ask_energy=accounts.ask_energy,
    )


def address() -> str:
    """The address of this request's connection; what its headers say of it is not believed."""
    return request.remote_addr or "unknown"


def record(action: str, subject: str = "", *, person_id: str | None = None) -> None:
    """Write a line of the audit for this request."""
    known = known_principal()
    actor = person_id or (known.person_id if known else None)
    audit.record(
        connection(), action, person_id=actor, subject=subject, address=address(), now=now()
    )


def tell_of_claim() -> None:
    """Let the rest of the box know that it has an owner."""
    _accounts().on_claim()


def _accounts() -> Accounts:
    accounts: Accounts = current_app.extensions[_EXTENSION]
    return accounts


def _close(_error: BaseException | None) -> None:
    opened = g.pop("accounts_connection", None)
    if opened is not None:
        opened.close()
