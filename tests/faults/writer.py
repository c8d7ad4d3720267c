# SPDX-License-Identifier: Apache-2.0
"""Writes pairs of rows into a database as fast as it can: ``python tests/faults/writer.py FILE``.

Each pair is one transaction, and each row bears the digest of its text.
"""

import hashlib
import itertools
import random
import sqlite3
import sys
from pathlib import Path

from atre_web.accounts.database import connect, transaction

_SOME = 200


def main() -> None:
    """Write until it is ended."""
    connection = connect(Path(sys.argv[1]))
    with transaction(connection):
        connection.execute("CREATE TABLE canary (pair INT, side TEXT, text TEXT, digest TEXT)")
    chance = random.Random(1)
    for pair in itertools.count():
        with transaction(connection):
            for side in ("left", "right"):
                _write(connection, pair, side, chance.randbytes(chance.randrange(10, 1000)).hex())
        if pair == _SOME:
            print("written", flush=True)  # noqa: T201 -- what the harness waits for


def _write(connection: sqlite3.Connection, pair: int, side: str, text: str) -> None:
    digest = hashlib.sha256(text.encode()).hexdigest()
    connection.execute("INSERT INTO canary VALUES (?, ?, ?, ?)", (pair, side, text, digest))


if __name__ == "__main__":
    main()
