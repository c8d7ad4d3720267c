# SPDX-License-Identifier: Apache-2.0
"""The machine's energy by minute, hour and day, in a database that only ``atred`` writes.

Each minute is added to its minute, hour and day in one transaction: a power cut loses the minute
that runs. Buckets begin by UTC. Energy is measured on the monotonic clock and only *placed* by the
wall clock, so a clock that jumps moves energy to another bucket and neither makes nor loses any.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from atre.ipc.power_basis import Basis
from atre.sentence import Sentence

_log = logging.getLogger(__name__)

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
# How many buckets are kept. By number and not by age: a clock that is wrong for a while must not
# make all that was kept before look old. 2 days of minutes, 90 days of hours, days for ever.
_KEPT = {MINUTE_S: 2880, HOUR_S: 2160}
# Before Âtre was written: the clock of a box without a battery was not set yet.
CLOCK_SET_S = 1_735_689_600.0  # 2025-01-01

_SCHEMA = """
CREATE TABLE IF NOT EXISTS bucket (
    length_s INTEGER NOT NULL,
    start_s INTEGER NOT NULL,
    basis TEXT NOT NULL,
    energy_j REAL NOT NULL,
    idle_j REAL NOT NULL,
    unsplit_j REAL NOT NULL,
    covered_s REAL NOT NULL,
    expected_s REAL NOT NULL,
    PRIMARY KEY (length_s, start_s, basis)
) WITHOUT ROWID, STRICT
"""
_ADD = """
INSERT INTO bucket VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    energy_j = energy_j + excluded.energy_j,
    idle_j = idle_j + excluded.idle_j,
    unsplit_j = unsplit_j + excluded.unsplit_j,
    covered_s = covered_s + excluded.covered_s,
    expected_s = expected_s + excluded.expected_s
"""
_PRUNE = """
DELETE FROM bucket WHERE length_s = ?1 AND start_s < (
    SELECT DISTINCT start_s FROM bucket WHERE length_s = ?1
    ORDER BY start_s DESC LIMIT 1 OFFSET ?2
)
"""


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """Energy of one basis that was taken within a bucket.

    ``idle_j`` of it would have been taken without any answer; of ``unsplit_j`` that is not known.
    ``covered_s`` of the ``expected_s`` that the box ran have a figure. Time without a figure has
    the basis UNKNOWN and no energy.
    """

    basis: Basis
    energy_j: float = 0.0
    idle_j: float = 0.0
    unsplit_j: float = 0.0
    covered_s: float = 0.0
    expected_s: float = 0.0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            basis=self.basis,
            energy_j=self.energy_j + other.energy_j,
            idle_j=self.idle_j + other.idle_j,
            unsplit_j=self.unsplit_j + other.unsplit_j,
            covered_s=self.covered_s + other.covered_s,
            expected_s=self.expected_s + other.expected_s,
        )


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What one bucket holds of one basis; ``start_s`` in Unix seconds."""

    start_s: int
    amount: Amount


class PowerHistory:
    """``power.db``. No method raises for the disk's sake: ``issues`` say what is wrong with it.

    ``version`` changes with what it holds.
    """

    def __init__(self, path: Path) -> None:
        """Open the file or make it; one that cannot be read is set aside first."""
        self.version = 0
        self._path = path
        self._lock = threading.Lock()
        self._issue: Sentence | None = None
        self._damage: Sentence | None = None
        self._database: sqlite3.Connection | None = None
        self._unwritten: dict[tuple[int, Basis], Amount] = {}
        with self._lock:
            self._open()

    @property
    def issues(self) -> list[Sentence]:
        return [issue for issue in (self._damage, self._issue) if issue]

    def add(self, wall_s: float, amounts: Iterable[Amount]) -> None:
        """Add what a minute at ``wall_s`` (Unix seconds) took; durable when this returns.

        What cannot be written now is written with a later minute.
        """
        start_s = int(wall_s // MINUTE_S * MINUTE_S)
        with self._lock:
            for amount in amounts:
                key = start_s, amount.basis
                before = self._unwritten.get(key)
                self._unwritten[key] = before + amount if before else amount
            self._write()

    def read(self, length_s: int, from_s: float, to_s: float) -> list[Stored]:
        """What the buckets of this length hold that begin in the interval, in their order."""
        rows = self._rows(
            "SELECT start_s, basis, energy_j, idle_j, unsplit_j, covered_s, expected_s FROM bucket"
            " WHERE length_s = ? AND start_s >= ? AND start_s < ? ORDER BY start_s",
            (length_s, from_s, to_s),
        )
        return [
            Stored(
                start_s=start_s,
                amount=Amount(
                    basis=Basis(basis),
                    energy_j=energy_j,
                    idle_j=idle_j,
                    unsplit_j=unsplit_j,
                    covered_s=covered_s,
                    expected_s=expected_s,
                ),
            )
            for start_s, basis, energy_j, idle_j, unsplit_j, covered_s, expected_s in rows
        ]

    def begins_s(self, length_s: int) -> int | None:
        """When the oldest bucket of this length begins."""
        rows = self._rows("SELECT min(start_s) FROM bucket WHERE length_s = ?", (length_s,))
        found: int | None = rows[0][0] if rows else None
        return found

    def total_j(self) -> float | None:
        """All energy since the history began, None before the first figure."""
        rows = self._rows(
            "SELECT sum(energy_j) FROM bucket WHERE length_s = ? AND covered_s > 0", (DAY_S,)
        )
        found: float | None = rows[0][0] if rows else None
        return found

    def close(self) -> None:
        with self._lock:
            self._write()
            if self._database:
                self._database.close()
                self._database = None

    def _rows(self, query: str, values: tuple[float, ...]) -> list[Any]:
        with self._lock:
            try:
                if self._database is None:
                    return []
                return self._database.execute(query, values).fetchall()
            except sqlite3.OperationalError as error:
                self._complain(error)
            except sqlite3.DatabaseError as error:
                self._set_aside(error)
            return []

    def _write(self) -> None:
        if not self._unwritten:
            return
        try:
            if self._database is None:
                self._open()
            if self._database is not None:
                self._commit(self._database)
        except sqlite3.OperationalError as error:  # a full disk, a file system without writing
            self._complain(error)
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            if self._database is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._commit(self._database)
        self._bound_unwritten()

    def _commit(self, database: sqlite3.Connection) -> None:
        with database:
            if max(start_s for start_s, _ in self._unwritten) >= CLOCK_SET_S:
                _date(database, max(start_s for start_s, _ in self._unwritten))
            for (start_s, _), amount in self._unwritten.items():
                for length_s in (MINUTE_S, HOUR_S, DAY_S):
                    database.execute(
                        _ADD, (length_s, start_s // length_s * length_s, *_row(amount))
                    )
            for length_s, num_kept in _KEPT.items():
                database.execute(_PRUNE, (length_s, num_kept - 1))
        self._unwritten.clear()
        self.version += 1
        self._issue = None

    def _bound_unwritten(self) -> None:
        """Keep two days of minutes at most, as the file would; older ones become one."""
        while len(self._unwritten) > _KEPT[MINUTE_S]:
            (start_s, basis), amount = next(iter(self._unwritten.items()))
            del self._unwritten[start_s, basis]
            later = next((key for key in self._unwritten if key[1] == basis), None)
            if later is None:
                return
            self._unwritten[later] = amount + self._unwritten[later]

    def _open(self) -> None:
        try:
            self._database = _connect(self._path)
        except sqlite3.OperationalError as error:
            self._complain(error)
        except sqlite3.DatabaseError as error:
            self._set_aside(error)

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Begin anew beside a damaged file, which stays for whoever can read it."""
        _log.error("%s is damaged: %s", self._path, error)
        if self._database is not None:
            self._database.close()
            self._database = None
        self.version += 1
        aside = self._path.with_name(f"{self._path.name}.damaged")
        try:
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{self._path}{suffix}").replace(f"{aside}{suffix}")
            self._database = _connect(self._path)
        except (OSError, sqlite3.Error) as second:
            self._complain(second)
            return
        self._damage = Sentence(
            f"The history of power was damaged and begins anew; the old file is {aside.name}.",
            f"L’historique de la consommation était abîmé et recommence\N{NO-BREAK SPACE}; "
            f"l’ancien fichier est {aside.name}.",
        )

    def _complain(self, error: Exception) -> None:
        if self._issue is None:
            _log.error("the history of power cannot be kept: %s", error)
        self._issue = Sentence(
            f"The history of power cannot be written now: {error}. Free some disk space.",
            "L’historique de la consommation ne peut pas être écrit pour l’instant"
            f"\N{NO-BREAK SPACE}: {error}. Libérez de la place sur le disque.",
        )


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False, timeout=1.0)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        # Once a minute: an fsync costs nothing, and a minute that was told stays.
        database.execute("PRAGMA synchronous = FULL")
        database.execute(_SCHEMA)
        database.execute("SELECT count(*), sum(energy_j) FROM bucket").fetchone()
    except sqlite3.Error:
        database.close()
        raise
    path.chmod(0o600)
    return database


def _row(amount: Amount) -> tuple[object, ...]:
    return tuple(
        str(value) if name == "basis" else value
        for name, value in ((name, getattr(amount, name)) for name in Amount.__struct_fields__)
    )


def _date(database: sqlite3.Connection, now_s: int) -> None:
    """Move what was taken while the clock was not set to just before ``now_s``, in its order."""
    found = database.execute(
        "SELECT max(start_s) FROM bucket WHERE length_s = ? AND start_s < ?",
        (MINUTE_S, CLOCK_SET_S),
    ).fetchone()[0]
    if found is None:
        return
    shift_s = now_s - MINUTE_S - found
    for length_s in (MINUTE_S, HOUR_S, DAY_S):
        rows = database.execute(
            "DELETE FROM bucket WHERE length_s = ? AND start_s < ? RETURNING *",
            (length_s, CLOCK_SET_S),
        ).fetchall()
        for _, start_s, *values in rows:
            placed_s = (start_s + shift_s) // length_s * length_s
            database.execute(_ADD, (length_s, placed_s, *values))
