# SPDX-License-Identifier: Apache-2.0
"""The box's SQLite file: how it is opened, and how a change to it is grouped."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atre.errors import DiskFullError, StorageError
from atre.space.reserve import give_up_slice
from atre_web.accounts.disk_full import is_disk_full

# A writer holds the lock for a millisecond or so; five seconds is a disk that has stopped.
_BUSY_TIMEOUT_S = 5.0


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, made readable by its owner alone if it is new.

    Statements commit by themselves; group them with ``transaction``. On a full disk the box's
    reserve makes the room that SQLite needs to read, an index of its journal.
    Raises StorageError if the file cannot be opened or is not a database.
    """
    try:
        return _open(path)
    except (OSError, sqlite3.Error) as error:
        if not (is_disk_full(error, path.parent) and give_up_slice(path.parent)):
            raise _unusable(path, error) from error
    try:
        return _open(path)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error


def _open(path: Path) -> sqlite3.Connection:
    if not path.exists():
        _create(path)
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Never a file that is there: to close any descriptor of it drops the locks that SQLite holds
    # on it for this process (https://sqlite.org/howtocorrupt.html, 2.2).
    with contextlib.suppress(FileExistsError):
        # SQLite gives its -wal and -shm files the mode of the database itself.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit everything in the block, or nothing if it raises."""
    # IMMEDIATE takes the write lock first: a read that later writes could not wait for it.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself where the disk is full (lang_transaction.html).
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _unusable(path: Path, error: Exception) -> StorageError:
    if is_disk_full(error, path.parent):
        return DiskFullError(
            f"The disk of {path.parent} is full, and the box's database cannot be opened. Delete "
            "something from that disk, then start the box again.",
            f"Le disque de {path.parent} est plein, et la base de données du boîtier ne s’ouvre "
            "pas. Supprimez quelque chose de ce disque, puis relancez le boîtier.",
        )
    return StorageError(
        f"{path}: cannot be used as the box's database ({error}). "
        "Check the disk and the file's owner, or restore it from a backup.",
        f"{path}\N{NO-BREAK SPACE}: inutilisable comme base de données du boîtier ({error}). "
        "Vérifiez le disque et le propriétaire du fichier, ou restaurez une sauvegarde.",
    )
