# SPDX-License-Identifier: Apache-2.0
"""Opening a panel session, with a key or with a one-time link."""

import sqlite3
from dataclasses import dataclass

from atre_web.accounts import keys, login_links, sessions, throttle


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session; ``token`` goes into the browser's cookie."""

    token: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Wrong key or link, or too many of them: then ``wait_s`` says when to come back."""

    wait_s: int | None


def with_key(
    connection: sqlite3.Connection, secret: str, *, address: str, now: float
) -> Opened | Refused:
    """Open a session with an API key; it closes when the key is revoked."""
    wait_s = throttle.wait_s(connection, address, now=now)
    if wait_s is not None:
        return Refused(wait_s)
    key = keys.verify(connection, secret, now=now)
    if key is None:
        return _refused(connection, address, now)
    throttle.forget(connection, address)
    return Opened(sessions.create(connection, key.name, now=now, key_id=key.id))


def with_link(
    connection: sqlite3.Connection, token: str, *, address: str, now: float
) -> Opened | Refused:
    """Open a session with a one-time link, and use the link up."""
    wait_s = throttle.wait_s(connection, address, now=now)
    if wait_s is not None:
        return Refused(wait_s)
    if not login_links.consume(connection, token, now=now):
        return _refused(connection, address, now)
    throttle.forget(connection, address)
    return Opened(sessions.create(connection, "link", now=now))


def _refused(connection: sqlite3.Connection, address: str, now: float) -> Refused:
    throttle.record_failure(connection, address, now=now)
    return Refused(throttle.wait_s(connection, address, now=now))
