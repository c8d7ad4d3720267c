# SPDX-License-Identifier: Apache-2.0
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from atre.config import Config
from atre.errors import EngineUnavailableError
from atre.ipc.messages import EngineEvent, Generate
from atre_web import create_app
from atre_web.accounts import passwords, people, sessions
from atre_web.accounts.database import connect
from atre_web.accounts.door import open_door
from atre_web.accounts.principal import Role

NOW = 1_800_000_000.0
# A hash of nothing: who has it can be asked for nothing that a test would have to wait for.
_NO_PASSWORD = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43


# Of every new box, whose claim code is hashed: at its true cost, a fifth of a second of processor.
@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)


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


class Answering:
    """A generation of the engine, whose events the test gives when it likes."""

    def __init__(self, request: Generate) -> None:
        self.request = request
        self.is_closed = False
        self._read, self._write = os.pipe()
        self._events: deque[EngineEvent | Exception] = deque()

    def give(self, *events: EngineEvent | Exception) -> None:
        self._events.extend(events)
        os.write(self._write, b"\0")

    def fileno(self) -> int:
        return self._read

    def read(self) -> Iterator[EngineEvent]:
        os.read(self._read, 4096)
        while self._events:
            event = self._events.popleft()
            if isinstance(event, Exception):
                raise event
            yield event

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            os.close(self._read)
            os.close(self._write)


class EngineStandIn:
    def __init__(self) -> None:
        self.asked: list[Answering] = []
        self.is_down = False

    def generate(self, request: Generate) -> Answering:
        if self.is_down:
            raise EngineUnavailableError("The engine is loading.")
        self.asked.append(Answering(request))
        return self.asked[-1]

    def incarnation(self) -> tuple[int, int] | None:
        return None

    def describe(self) -> Any:
        raise EngineUnavailableError("not asked here")


@pytest.fixture
def asked_engine() -> EngineStandIn:
    return EngineStandIn()


@pytest.fixture
def chat_app(config: Config, key: str, asked_engine: EngineStandIn) -> Flask:
    assert key
    made = create_app(config)
    made.extensions["atre.engine"] = asked_engine
    return made


@pytest.fixture
def sign_in(chat_app: Flask, settled: Callable[[Role], str]) -> Callable[[Role], FlaskClient]:
    def browser(role: Role) -> FlaskClient:
        client = chat_app.test_client()
        client.set_cookie("atre", settled(role))
        client.environ_base["HTTP_ORIGIN"] = "http://localhost"
        client.environ_base["HTTP_ACCEPT"] = "application/json"
        return client

    return browser


@pytest.fixture
def member(sign_in: Callable[[Role], FlaskClient]) -> FlaskClient:
    return sign_in("member")


@pytest.fixture
def database(config: Config) -> Iterator[sqlite3.Connection]:
    with closing(connect(config.database)) as connection:
        yield connection
