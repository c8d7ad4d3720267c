# SPDX-License-Identifier: Apache-2.0
"""What the office has set: typed, with every default here, one row of the database each.

Whatever reads a setting reads it when it needs it, so a change counts from the next request on.
"""

import sqlite3
import zoneinfo
from functools import lru_cache
from typing import Literal

import msgspec

from atre.errors import InvalidRequestError
from atre_web.accounts.database import transaction
from atre_web.accounts.problem import ChangedMeanwhileError
from atre_web.accounts.written import cleaned_name

OFFICE_NAME = "office_name"
TOKENS_PER_DAY = "tokens_per_day"
MAX_CONCURRENT = "max_concurrent"
RETENTION_DAYS = "retention_days"
_VERSION = "version"

# Least and most of each number; a day of invitation is the shortest that outlives a night.
BOUNDS: dict[str, tuple[int, int]] = {
    TOKENS_PER_DAY: (0, 10**12),
    MAX_CONCURRENT: (1, 1000),
    "invitation_hours": (1, 30 * 24),
    RETENTION_DAYS: (0, 3650),
}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting. ``language`` "" is the browser's, ``time_zone`` "" the machine's.

    The limits are those of people who have none of their own; None is none. A conversation in which
    nobody wrote for ``retention_days`` is removed, 0 keeps all.
    """

    office_name: str = ""
    language: Literal["", "fr", "fr-CA", "en"] = ""
    time_zone: str = ""
    tokens_per_day: int | None = None
    max_concurrent: int | None = None
    invitation_hours: int = 72
    retention_days: int = 0


class SettingError(InvalidRequestError):
    """A value that the setting ``param`` cannot have."""

    param: str

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message, param=name)


def get(connection: sqlite3.Connection, name: str) -> str | None:
    """The stored text of a setting, or None if it was never set."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return row["value"] if row else None


def put(connection: sqlite3.Connection, name: str, value: str | None) -> None:
    """Set one value unchecked; None forgets it."""
    if value is None:
        connection.execute("DELETE FROM settings WHERE name = ?", (name,))
        return
    connection.execute(
        "INSERT INTO settings (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def read(connection: sqlite3.Connection) -> tuple[Settings, int]:
    """Everything, and the version to change it by. What cannot be understood counts as unset."""
    rows = dict(connection.execute("SELECT name, value FROM settings").fetchall())
    known = {name: rows[name] for name in Settings.__struct_fields__ if name in rows}
    for name in [*known]:
        try:
            check(msgspec.convert({name: known[name]}, Settings, strict=False))
        except (msgspec.ValidationError, InvalidRequestError):
            del known[name]
    return msgspec.convert(known, Settings, strict=False), _version(rows)


def change(connection: sqlite3.Connection, wanted: Settings, *, version: int) -> None:
    """Set everything. Raises SettingError, and ChangedMeanwhileError if ``version`` is not it."""
    check(wanted)
    with transaction(connection):
        rows = dict(connection.execute("SELECT name, value FROM settings").fetchall())
        if _version(rows) != version:
            raise ChangedMeanwhileError
        for name, value in msgspec.structs.asdict(wanted).items():
            put(connection, name, None if value in (None, "") else str(value))
        put(connection, _VERSION, str(version + 1))


def check(settings: Settings) -> None:
    """Raises SettingError for a value that makes no sense."""
    if settings.office_name and cleaned_name(settings.office_name) != settings.office_name:
        raise SettingError(OFFICE_NAME, "The office's name has characters that cannot be shown.")
    if settings.time_zone and settings.time_zone not in time_zones():
        raise SettingError("time_zone", "This machine does not know that time zone.")
    for name, (least, most) in BOUNDS.items():
        value = getattr(settings, name)
        if value is not None and not least <= value <= most:
            raise SettingError(name, f"{name} must be between {least} and {most}.")


def zone(connection: sqlite3.Connection) -> zoneinfo.ZoneInfo | None:
    """The office's time zone, None for the machine's."""
    name = get(connection, "time_zone")
    return zoneinfo.ZoneInfo(name) if name and name in time_zones() else None


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """Every place whose time this machine knows, such as Europe/Paris."""
    return frozenset(
        name
        for name in zoneinfo.available_timezones()
        if "/" in name and name.split("/")[0] not in _NO_PLACES
    )


_NO_PLACES = frozenset({"Etc", "SystemV", "posix", "right"})


def _version(rows: dict[str, str]) -> int:
    value = rows.get(_VERSION, "0")
    return int(value) if value.isdecimal() else 0
