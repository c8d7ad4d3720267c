# SPDX-License-Identifier: Apache-2.0
"""The previous version of a box finds a database that it can use, and the newer one is kept."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from atre.config import Config
from atre.errors import StorageError
from atre.system.slot import Started
from atre_web.accounts import door, migrations
from atre_web.accounts.door import open_door
from atre_web.accounts.going_back import give_back


def schema(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def names(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM people ORDER BY name")]


def add(path: Path, name: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "INSERT INTO people (id, name, role, created_at) VALUES (?, ?, 'member', 0.0)",
            (name, name),
        )
        connection.commit()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=tmp_path, runtime_dir=tmp_path, profiles_dir=tmp_path)


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch, config: Config) -> Config:
    """A box that was updated: its newer version changed the form of the database."""
    open_door(config, run_key=False)
    add(config.database, "Before")
    known = list(migrations.MIGRATIONS)

    def step(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE people ADD COLUMN shoe_size INTEGER")

    with monkeypatch.context() as patched:
        patched.setattr(migrations, "MIGRATIONS", [*known, step])
        open_door(config, run_key=False)
    add(config.database, "After")
    assert schema(config.database) == len(known) + 1
    return config


def test_the_previous_version_starts_with_the_copy_and_the_newer_one_is_kept(
    newer: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "read_started", lambda: Started("a", ""))
    open_door(newer, run_key=False)
    assert schema(newer.database) == len(migrations.MIGRATIONS)
    assert "Before" in names(newer.database)
    assert "After" not in names(newer.database)
    (aside,) = (newer.data_dir / "upgrades").glob("*-set-aside-*.db")
    assert "After" in names(aside)
    # The next start finds nothing to do.
    open_door(newer, run_key=False)
    assert len(list((newer.data_dir / "upgrades").glob("*-set-aside-*.db"))) == 1


def test_on_an_ordinary_machine_nothing_is_put_back_by_itself(newer: Config) -> None:
    with pytest.raises(StorageError, match="has schema"):
        open_door(newer, run_key=False)
    assert "After" in names(newer.database)


def test_a_cut_at_any_rename_leaves_a_whole_database(
    newer: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = len(migrations.MIGRATIONS)
    real = Path.replace

    def cut(path: Path, target: Path) -> Path:
        if path.suffix == ".back":
            raise OSError("the power went")
        return real(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", cut)
        with pytest.raises(StorageError, match="Nothing is lost"):
            give_back(newer.database, known)
    assert "After" in names(newer.database)
    assert give_back(newer.database, known) is not None
    assert schema(newer.database) == known


def test_without_a_copy_that_fits_the_newer_database_stays(newer: Config) -> None:
    assert give_back(newer.database, 1) is None
    assert "After" in names(newer.database)


def test_the_same_form_is_left_alone(config: Config) -> None:
    open_door(config, run_key=False)
    assert give_back(config.database, len(migrations.MIGRATIONS)) is None
    assert give_back(config.database.with_name("none.db"), 5) is None
