# SPDX-License-Identifier: Apache-2.0
"""A box that went back to its previous version gives that version the database that it knows."""

import contextlib
import logging
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from atre.errors import StorageError

_log = logging.getLogger(__name__)


def give_back(database: Path, known: int) -> Path | None:
    """Put the newest copy that this version can use in the place of a newer database.

    The newer one is set aside under ``upgrades/`` and its new path is returned; None if nothing had
    to be done, or no copy fits. At every moment one whole database lies in its place. Call it
    before anything opens the database. Raises StorageError.
    """
    try:
        schema = _schema(database)
        if schema <= known:
            return None
        copy = _newest_copy(database, known)
        if copy is None:
            return None
        aside = _free_name(database, schema)
        beside = database.with_name(f"{database.name}.back")
        shutil.copyfile(copy, beside)
        beside.chmod(0o600)
        os.link(database, aside)
        _sync(beside, aside.parent)
        beside.replace(database)
        _sync(database.parent)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(
            f"The database of the previous version could not be put back ({error}). Nothing is "
            "lost: free some space on the disk and start again.",
            f"La base de données de la version précédente n’a pas pu être remise ({error}). Rien "
            "n’est perdu\N{NO-BREAK SPACE}: libérez de la place sur le disque, puis redémarrez.",
        ) from error
    _log.warning("the box went back: %s is used, the newer database is %s", copy.name, aside.name)
    return aside


def _schema(database: Path) -> int:
    """The form of the database, with nothing left in files beside it; 0 without one."""
    if not database.exists():
        return 0
    with closing(sqlite3.connect(database)) as connection:
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        # Takes in what lies in the log beside it, and removes that: the file alone is the database.
        connection.execute("PRAGMA journal_mode = DELETE")
    return int(schema)


def _newest_copy(database: Path, known: int) -> Path | None:
    found = []
    for path in database.with_name("upgrades").glob(f"{database.stem}-before-schema-*-*.db"):
        with contextlib.suppress(ValueError, sqlite3.Error):
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
                (schema,) = connection.execute("PRAGMA user_version").fetchone()
            if 0 < schema <= known:
                found.append((int(path.stem.rpartition("-")[2]), path))
    return max(found)[1] if found else None


def _free_name(database: Path, schema: int) -> Path:
    folder = database.with_name("upgrades")
    taken = len(list(folder.glob(f"{database.stem}-set-aside-*.db")))
    while (path := folder / f"{database.stem}-set-aside-schema-{schema}-{taken:04}.db").exists():
        taken += 1
    return path


def _sync(*paths: Path) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
