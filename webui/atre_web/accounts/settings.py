# SPDX-License-Identifier: Apache-2.0
"""What the office has set, by name."""

import sqlite3

OFFICE_NAME = "office_name"
TOKENS_PER_DAY = "tokens_per_day"
MAX_CONCURRENT = "max_concurrent"


def get(connection: sqlite3.Connection, name: str) -> str | None:
    """The value, or None if it was never set."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return row["value"] if row else None


def put(connection: sqlite3.Connection, name: str, value: str | None) -> None:
    """Set a value; None forgets it."""
    if value is None:
        connection.execute("DELETE FROM settings WHERE name = ?", (name,))
        return
    connection.execute(
        "INSERT INTO settings (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
