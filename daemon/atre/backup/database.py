# SPDX-License-Identifier: Apache-2.0
"""Databases of the box, whatever their tables: copied while they are written, counted, tried."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from atre.backup.manifest import TableEntry
from atre.errors import StorageError

_HEADER = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat2.html#the_database_header
_BUSY_S = 30.0


def is_database(path: Path) -> bool:
    """Whether it is a SQLite file."""
    try:
        with path.open("rb") as file:
            return file.read(len(_HEADER)) == _HEADER
    except OSError:
        return False


def copy_database(source: Path, copy: Path) -> None:
    """A copy as of one moment; writers go on meanwhile. Raises StorageError.

    In one step of SQLite's backup API: with a write-ahead log that reads one snapshot, and a copy
    in several steps would begin anew with each write (https://www.sqlite.org/c3ref/backup_finish.html).
    """
    copy.touch(mode=0o600)
    try:
        with (
            closing(sqlite3.connect(source, timeout=_BUSY_S)) as reading,
            closing(sqlite3.connect(copy)) as writing,
        ):
            reading.backup(writing)
    except sqlite3.Error as error:
        raise StorageError(
            f"{source.name} could not be copied ({error}). Check the box's disk.",
            f"{source.name} n’a pas pu être copié ({error}). Vérifiez le disque du boîtier.",
        ) from error


def count_rows(path: Path) -> list[TableEntry]:
    """The rows of every table. Raises StorageError."""
    try:
        with closing(_reading(path)) as connection:
            return [
                TableEntry(database=path.name, table=table, rows=_rows(connection, table))
                for table in _tables(connection)
            ]
    except sqlite3.Error as error:
        raise StorageError(
            f"{path.name} cannot be read ({error}).", f"{path.name} est illisible ({error})."
        ) from error


def damage(path: Path) -> str:
    """What SQLite's integrity check complains of, "" if it is whole."""
    try:
        with closing(_reading(path)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else str(found)


def _reading(path: Path) -> sqlite3.Connection:
    # immutable: a copy that nobody writes, read without making files beside it.
    return sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)


def _tables(connection: sqlite3.Connection) -> Iterator[str]:
    found = connection.execute(
        "SELECT name FROM pragma_table_list"
        " WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    )
    for (name,) in found:
        yield str(name)


def _rows(connection: sqlite3.Connection, table: str) -> int:
    quoted = table.replace('"', '""')
    return int(connection.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0])  # noqa: S608
