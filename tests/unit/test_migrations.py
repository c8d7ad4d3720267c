# SPDX-License-Identifier: Apache-2.0
"""A database of each released schema becomes one of today, with a copy from before."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from atre.errors import StorageError
from atre_web.accounts import claim, integrity, keys, migrations
from atre_web.accounts.copies import copy_before_upgrade
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.migrations import MIGRATIONS, migrate, schema_version
from atre_web.accounts.tokens import digest

NOW = 1_800_000_000.0


def database_of_schema_1(path: Path) -> None:
    with closing(connect(path)) as connection:
        with transaction(connection):
            MIGRATIONS[0](connection)
            connection.execute("PRAGMA user_version = 1")
        for name, revoked_at in (("Word", None), ("old", NOW)):
            connection.execute(
                "INSERT INTO api_keys VALUES (?, ?, ?, 'personal', ?, NULL, ?)",
                (f"id-{name}", name, digest(f"atre-{name}"), NOW, revoked_at),
            )
        connection.execute(
            "INSERT INTO sessions VALUES ('s', ?, 'Word', 'id-Word', ?, ?, ?, NULL)",
            (digest("token"), NOW, NOW, NOW + 1),
        )
        connection.execute("INSERT INTO failed_logins VALUES ('192.0.2.1', 3, ?)", (NOW,))


def test_keys_of_schema_1_go_on_as_the_boxs_own(tmp_path: Path) -> None:
    path = tmp_path / "atre.db"
    database_of_schema_1(path)
    with closing(connect(path)) as connection:
        migrate(connection)
        assert schema_version(connection) == len(MIGRATIONS)
        verified = keys.verify(connection, "atre-Word", now=NOW)
        assert verified is not None
        assert (verified.key.id, verified.key.person_id) == ("id-Word", "local")
        assert verified.scopes == {"chat", "embeddings", "models"}
        assert keys.verify(connection, "atre-old", now=NOW) is None
        assert not claim.state(connection).is_claimed
        assert connection.execute("SELECT count(*) FROM failed_logins").fetchone()[0] == 1


def test_a_database_of_schema_2_gets_room_for_conversations(tmp_path: Path) -> None:
    path = tmp_path / "atre.db"
    with closing(connect(path)) as connection:
        with transaction(connection):
            for step in MIGRATIONS[:2]:
                step(connection)
            connection.execute("PRAGMA user_version = 2")
        connection.execute(
            "INSERT INTO people (id, name, login, role, created_at)"
            " VALUES ('p', 'Marie', 'marie', 'manager', ?)",
            (NOW,),
        )
        migrate(connection)
        assert schema_version(connection) == len(MIGRATIONS)
        connection.execute("INSERT INTO conversations VALUES ('c', 'p', 't', NULL, 0.0, 0.0)")
        connection.execute("DELETE FROM people WHERE id = 'p'")
        assert connection.execute("SELECT count(*) FROM conversations").fetchone()[0] == 0


def test_an_upgrade_leaves_a_copy_from_before(tmp_path: Path) -> None:
    path = tmp_path / "atre.db"
    database_of_schema_1(path)
    with closing(connect(path)) as connection:
        migrate(connection)
        migrate(connection)
    (copy,) = (tmp_path / "upgrades").iterdir()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM api_keys").fetchone() == (2,)


def test_a_new_database_needs_no_copy(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "atre.db")) as connection:
        migrate(connection)
    assert not (tmp_path / "upgrades").exists()


def test_the_last_three_copies_are_kept(tmp_path: Path) -> None:
    database_of_schema_1(tmp_path / "atre.db")
    with closing(connect(tmp_path / "atre.db")) as connection:
        made = [copy_before_upgrade(connection, 1) for _ in range(5)]
    assert sorted((tmp_path / "upgrades").iterdir()) == made[2:]


def test_no_upgrade_without_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "atre.db"
    database_of_schema_1(path)
    (tmp_path / "upgrades").write_text("in the way")
    with closing(connect(path)) as connection:
        with pytest.raises(StorageError, match="free some space"):
            migrate(connection)
        assert schema_version(connection) == 1


def test_a_step_that_fails_leaves_the_schema_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        raise sqlite3.OperationalError("disk I/O error")

    path = tmp_path / "atre.db"
    database_of_schema_1(path)
    monkeypatch.setattr(migrations, "MIGRATIONS", [*MIGRATIONS, fail])
    with closing(connect(path)) as connection:
        before = "\n".join(connection.iterdump())
        with pytest.raises(StorageError, match="Nothing was changed"):
            migrate(connection)
        assert "\n".join(connection.iterdump()) == before


@pytest.mark.parametrize("limit", [2**30, 0])
def test_a_damaged_database_is_named_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(integrity, "_FULL_CHECK_BYTES", limit)
    path = tmp_path / "atre.db"
    database_of_schema_1(path)
    with closing(connect(path)) as connection:
        integrity.check_integrity(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    page = bytearray(path.read_bytes())
    for start in range(4096, len(page), 4096):
        page[start : start + 8] = b"\xff" * 8
    path.write_bytes(page)
    with closing(connect(path)) as connection, pytest.raises(StorageError, match="damaged"):
        integrity.check_integrity(connection)
