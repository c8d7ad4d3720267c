# SPDX-License-Identifier: Apache-2.0
"""Room on disks: its levels, the reserve, what would fit, and what the database says when full."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from atre.errors import MediaError
from atre.space import reserve
from atre.space.estimate import BackupSize, bytes_needed, require_room_for_backup
from atre.space.level import (
    CRITICAL_BYTES,
    LOW_BYTES,
    REUSABLE_BYTES,
    SLICE_BYTES,
    Room,
    SpaceLevel,
    level,
)
from atre.space.parts import parts
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.disk_full import is_disk_full, space_level

MIB = 2**20


@pytest.mark.parametrize(
    ("free_bytes", "reusable_bytes", "expected"),
    [
        (0, 0, SpaceLevel.FULL),
        (2 * SLICE_BYTES - 1, 0, SpaceLevel.FULL),
        (2 * SLICE_BYTES, 0, SpaceLevel.CRITICAL),
        (0, REUSABLE_BYTES - 1, SpaceLevel.FULL),
        (0, REUSABLE_BYTES, SpaceLevel.CRITICAL),
        (CRITICAL_BYTES, 0, SpaceLevel.LOW),
        (LOW_BYTES - 1, 0, SpaceLevel.LOW),
        (LOW_BYTES, 0, SpaceLevel.OK),
    ],
)
def test_levels(free_bytes: int, reusable_bytes: int, expected: SpaceLevel) -> None:
    assert level(free_bytes, reusable_bytes=reusable_bytes) is expected


@pytest.mark.parametrize(
    ("total_bytes", "expected"),
    [(0, 1), (64 * MIB, 1), (160 * MIB, 2), (512 * MIB, 8), (2**40, 8)],
)
def test_the_reserve_is_a_share_of_the_disk_and_never_nothing(
    total_bytes: int, expected: int
) -> None:
    assert reserve.whole_bytes(Room(0, total_bytes)) == expected * SLICE_BYTES


class Disk:
    """What the disk of the reserve says of itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
        self.free_bytes = free_bytes
        monkeypatch.setattr(reserve, "room", lambda _: Room(self.free_bytes, 160 * MIB))


def test_the_reserve_is_given_up_slice_by_slice_and_made_whole_with_room_to_spare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, 4 * SLICE_BYTES)
    assert reserve.make_whole(tmp_path)
    assert reserve.held_bytes(tmp_path) == 2 * SLICE_BYTES
    # Blocks, not a hole: only those can be given back.
    assert reserve.reserve_path(tmp_path).stat().st_blocks * 512 >= 2 * SLICE_BYTES
    assert reserve.give_up_slice(tmp_path)
    assert reserve.held_bytes(tmp_path) == 2 * SLICE_BYTES  # half a slice is room enough

    disk.free_bytes = SLICE_BYTES // 2 - 1
    for left in (SLICE_BYTES, 0):
        assert reserve.give_up_slice(tmp_path)
        assert reserve.held_bytes(tmp_path) == left
    assert not reserve.give_up_slice(tmp_path)
    disk.free_bytes = 4 * SLICE_BYTES - 1  # to take it now would fill the disk again
    assert not reserve.make_whole(tmp_path)
    assert reserve.held_bytes(tmp_path) == 0
    disk.free_bytes = 4 * SLICE_BYTES
    assert reserve.make_whole(tmp_path)
    assert reserve.held_bytes(tmp_path) == 2 * SLICE_BYTES


def test_a_data_directory_that_is_gone_has_no_reserve(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert not reserve.make_whole(gone)
    assert not reserve.give_up_slice(gone)
    assert reserve.held_bytes(gone) == 0


@pytest.mark.parametrize(
    ("size", "at_least", "at_most"),
    [
        # The first backup: all of it, and a pack.
        (BackupSize(total_bytes=10**9), 1_050_000_000, 1_400_000_000),
        # A small box is not refused for want of a pack that it will not fill.
        (BackupSize(total_bytes=10**6), 10**6, 5 * 10**6),
        # A later one: what changed.
        (BackupSize(total_bytes=10**9, changed_bytes=0), 1, 300_000_000),
        # Compressed as the last one was.
        (
            BackupSize(total_bytes=10**9, last_bytes=10**9, stored_bytes=10**9 // 4),
            250_000_000,
            600_000_000,
        ),
        # A last one that grew when stored is not believed beyond what it is.
        (BackupSize(total_bytes=10**9, last_bytes=1, stored_bytes=99), 10**9, 1_400_000_000),
        # Nonsense is not believed at all.
        (BackupSize(total_bytes=10**6, changed_bytes=10**12), 10**6, 5 * 10**6),
        (BackupSize(total_bytes=0, changed_bytes=-5), 1, 2 * MIB),
    ],
)
def test_what_a_backup_needs(size: BackupSize, at_least: int, at_most: int) -> None:
    assert at_least <= bytes_needed(size) <= at_most


def test_a_backup_that_would_not_fit_is_refused_with_both_numbers() -> None:
    size = BackupSize(total_bytes=10**9)
    needed = bytes_needed(size)
    require_room_for_backup(size, needed)
    with pytest.raises(MediaError, match=r"1\.3 GB.*1\.0 GB") as refused:
        require_room_for_backup(size, 10**9)
    assert "1,3\u00a0Go" in refused.value.french
    assert "Rien n’a été écrit" in refused.value.french


def test_a_database_that_may_not_grow_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "atre.db"
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE things (text TEXT)")
        connection.execute("INSERT INTO things VALUES ('kept')")
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(sqlite3.OperationalError) as full, transaction(connection):
            connection.execute("INSERT INTO things VALUES (?)", ("x" * 100_000,))
        assert is_disk_full(full.value, tmp_path)
        assert not connection.in_transaction
        rows = connection.execute("SELECT text FROM things").fetchall()
        assert [row["text"] for row in rows] == ["kept"]
        with transaction(connection):  # the next one begins as usual
            connection.execute("DELETE FROM things")


def test_deleted_pages_count_as_room(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "atre.db")) as connection:
        connection.execute("CREATE TABLE things (text TEXT)")
        connection.execute("INSERT INTO things VALUES (?)", ("x" * 2 * REUSABLE_BYTES,))
        assert space_level(connection, 0) is SpaceLevel.FULL
        connection.execute("DELETE FROM things")
        assert space_level(connection, 0) is SpaceLevel.CRITICAL


@pytest.mark.parametrize("code", ["no such table: x", "database is locked"])
def test_other_faults_of_the_database_are_not_a_full_disk(code: str, tmp_path: Path) -> None:
    assert not is_disk_full(sqlite3.OperationalError(code), tmp_path)


def test_what_takes_the_room(tmp_path: Path) -> None:
    for name, num_bytes in {
        "models/blobs/a": 3000, "atre.db": 5000, "atre.db-wal": 700, "upgrades/old.db": 11,
        "logs/atred.log": 200, "backup/staging/x": 130, "reserve": 64, "state/box.json": 17,
    }.items():  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(num_bytes))
    (tmp_path / "models" / "link").symlink_to(tmp_path / "atre.db")
    found = parts(tmp_path)
    assert found == {
        "models": 3000, "conversations": 5711, "logs": 200, "staging": 130, "reserve": 64,
        "other": 17,
    }  # fmt: skip
