# SPDX-License-Identifier: Apache-2.0
"""Recovery codes: printed once, each opens the way to a new password once, without any mail."""

import sqlite3

from atre_web.accounts.base32 import grouped, random_digits, typed_digits
from atre_web.accounts.tokens import digest

NUM_CODES = 8
# 80 bits: guessing one is out of reach, so a fast hash without salt is enough to store.
_NUM_DIGITS = 16


def renew(connection: sqlite3.Connection, person_id: str) -> list[str]:
    """Replace all codes of a person, inside the caller's transaction; the only time they show."""
    codes = [random_digits(_NUM_DIGITS) for _ in range(NUM_CODES)]
    connection.execute("DELETE FROM recovery_codes WHERE person_id = ?", (person_id,))
    connection.executemany(
        "INSERT INTO recovery_codes (hash, person_id) VALUES (?, ?)",
        [(digest(code), person_id) for code in codes],
    )
    return [grouped(code) for code in codes]


def num_left(connection: sqlite3.Connection, person_id: str) -> int:
    """How many codes were not used yet."""
    row = connection.execute(
        "SELECT count(*) FROM recovery_codes WHERE person_id = ?", (person_id,)
    ).fetchone()
    return int(row[0])


def use_up(connection: sqlite3.Connection, person_id: str, code: str) -> bool:
    """Use a code up. Of two simultaneous calls, one gets True."""
    cursor = connection.execute(
        "DELETE FROM recovery_codes WHERE hash = ? AND person_id = ?",
        (digest(typed_digits(code)), person_id),
    )
    return cursor.rowcount == 1
