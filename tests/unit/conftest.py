# SPDX-License-Identifier: Apache-2.0
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from atre.config import Config
from atre_web.accounts import people, sessions
from atre_web.accounts.database import connect
from atre_web.accounts.door import open_door
from atre_web.accounts.principal import Role

NOW = 1_800_000_000.0
# A hash of nothing: who has it can be asked for nothing that a test would have to wait for.
_NO_PASSWORD = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A box in an empty folder, none of whose processes run."""
    return Config(data_dir=tmp_path, runtime_dir=tmp_path / "run", profiles_dir=tmp_path)


@pytest.fixture
def key(config: Config) -> str:
    """A key of that box that may do everything. The box is Marie's."""
    secret = open_door(config, run_key=True).run_key or ""
    with closing(connect(config.database)) as connection:
        settle(connection)
    return secret


@pytest.fixture
def settled(config: Config) -> Callable[[Role], str]:
    """Sessions on that box, Marie's: one of each role, by the role's name."""

    def open_session(role: Role) -> str:
        open_door(config, run_key=False)
        with closing(connect(config.database)) as connection:
            marie = settle(connection)
            person_id = marie
            if role != "manager":
                added = people.create(connection, role, role, role, password=_NO_PASSWORD, now=NOW)
                person_id = added.id
            return sessions.create(connection, person_id, device="", now=time.time())

    return open_session


def settle(connection: sqlite3.Connection) -> str:
    """Make the box Marie's, as a claim would, and return her id."""
    marie = people.by_login(connection, "marie")
    if marie is None:
        marie = people.create(
            connection, "Marie", "marie", "manager", password=_NO_PASSWORD, now=NOW
        )
        connection.execute("UPDATE claim SET code = NULL, claimed_at = ?", (NOW,))
    return marie.id
