# SPDX-License-Identifier: Apache-2.0
import sqlite3
from pathlib import Path

from atre.errors import DiskFullError
from atre.space.level import SLICE_BYTES, SpaceLevel, level, room
from atre.space.reserve import is_full

# What SQLite says of a full disk when it is not a page that it cannot write: the index of the
# journal cannot grow, or cannot be made (sqlite.org/rescode.html, SQLITE_IOERR_SHMSIZE).
_PERHAPS_FULL = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_PRIMARY = 0xFF


def is_disk_full(error: BaseException, directory: Path) -> bool:
    """Whether the database failed because its disk takes no more."""
    if not isinstance(error, sqlite3.Error):
        return is_full(error)
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code == sqlite3.SQLITE_FULL:
        return True
    return code in _PERHAPS_FULL and has_no_room(directory)


def has_no_room(directory: Path) -> bool:
    """Whether a disk has less left than one change of the database may take."""
    try:
        return room(directory).free_bytes < SLICE_BYTES
    except OSError:
        return False


def space_level(connection: sqlite3.Connection, free_bytes: int) -> SpaceLevel:
    """How much room there is for something new, with what deletes left free in the database."""
    (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    return level(free_bytes, reusable_bytes=pages * page_bytes)


def require_room(connection: sqlite3.Connection, directory: Path) -> None:
    """Refuse what would make the database larger on a full disk. Raises DiskFullError."""
    try:
        free_bytes = room(directory).free_bytes
    except OSError:
        return
    if space_level(connection, free_bytes) is SpaceLevel.FULL:
        raise disk_full()


def disk_full() -> DiskFullError:
    """What is said to whoever wanted something kept."""
    return DiskFullError(
        "The box's disk is full: nothing new is kept. What is there can be read and deleted. "
        "Delete conversations that are no longer needed; a manager can remove models.",
        "Le disque du boîtier est plein\N{NO-BREAK SPACE}: rien de nouveau ne s’enregistre. Ce "
        "qui s’y trouve se lit et se supprime. Supprimez des conversations qui ne servent plus"
        "\N{NARROW NO-BREAK SPACE}; la personne qui gère le boîtier peut retirer des modèles.",
    )
