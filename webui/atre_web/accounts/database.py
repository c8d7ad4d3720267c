# SPDX-License-Identifier: Apache-2.0
"""The box's SQLite file: how it is opened, and how a change to it is grouped."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atre.errors import StorageError

# A writer holds the lock for a millisecond or so; five seconds is a disk that has stopped.
_BUSY_TIMEOUT_S = 5.0


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, made readable by its owner alone if it is new.

    Statements commit by themselves; group them with ``transaction``.
    Raises StorageError if the file cannot be opened or is not a database.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its -wal and -shm files the mode of the database itself.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(path, error) from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit everything in the block, or nothing if it raises."""
    # IMMEDIATE takes the write lock first: a read that later writes could not wait for it.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _unusable(path: Path, error: Exception) -> StorageError:
    return StorageError(
        f"{path}: cannot be used as the box's database ({error}). "
        "Check the disk and the file's owner, or restore it from a backup."
    )
