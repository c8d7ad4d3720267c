# SPDX-License-Identifier: Apache-2.0
"""A password that was set anew by whoever stood before the box: everybody is told of it."""

import sqlite3

import msgspec

from atre_web.accounts import settings

NOTICE_DAYS = 30
_SETTING = "presence_notice"
_DAY_S = 24 * 3600.0


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Whose password, when (Unix seconds), and how presence was shown."""

    at: float
    name: str
    means: str


def note(connection: sqlite3.Connection, notice: Notice) -> None:
    """Keep it in place of an earlier one, inside the caller's transaction."""
    settings.put(connection, _SETTING, msgspec.json.encode(notice).decode())


def latest(connection: sqlite3.Connection, *, now: float) -> Notice | None:
    """The last one, while it is news."""
    stored = settings.get(connection, _SETTING)
    if stored is None:
        return None
    try:
        notice = msgspec.json.decode(stored, type=Notice)
    except msgspec.DecodeError:
        return None
    # A clock that was set back must not hide it.
    return notice if now - notice.at < NOTICE_DAYS * _DAY_S else None
