# SPDX-License-Identifier: Apache-2.0
"""Copies of the database that are made before an upgrade changes it."""

import contextlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from atre.errors import StorageError

_NUM_KEPT = 3


def copy_before_upgrade(connection: sqlite3.Connection, version: int) -> Path:
    """Copy the whole database beside itself, onto the disk, and keep the newest three copies.

    Returns the copy's path: ``upgrades/atre-before-schema-N-NUMBER.db``. Raises StorageError if
    there is no room: an upgrade without a way back is not begun.
    """
    database = Path(connection.execute("PRAGMA database_list").fetchone()["file"])
    folder = database.with_name("upgrades")
    number = 1 + max((_number(path) for path in _copies(folder)), default=0)
    path = folder / f"{database.stem}-before-schema-{version + 1}-{number:04}.db"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _write(connection, path)
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise StorageError(
            f"The database could not be copied to {path} before its upgrade ({error}). Nothing was "
            "changed; free some space on the disk and start again.",
            f"La base de données n’a pas pu être copiée vers {path} avant sa mise à niveau "
            f"({error}). Rien n’a changé\N{NO-BREAK SPACE}; libérez de la place sur le disque, "
            "puis redémarrez.",
        ) from error
    for old in sorted(_copies(folder), key=_number)[:-_NUM_KEPT]:
        old.unlink(missing_ok=True)
    return path


def _write(connection: sqlite3.Connection, path: Path) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(path)) as copy:
        connection.backup(copy)
    for synced in (path, path.parent):
        descriptor = os.open(synced, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _copies(folder: Path) -> list[Path]:
    return list(folder.glob("*-before-schema-*-*.db"))


def _number(path: Path) -> int:
    # The clock may have been set back: copies are counted, not dated.
    return int(path.stem.rpartition("-")[2])
