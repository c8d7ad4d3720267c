# SPDX-License-Identifier: Apache-2.0
"""Whether the handbook is searched first: each engine is asked once which model it runs."""

import os
from pathlib import Path
from typing import cast

import pytest

from atre.errors import EngineUnavailableError
from atre.handbook.handbook import Handbook
from atre.ipc.client import LOBBY_SOCKET, EngineClient
from atre.ipc.messages import EngineDescription
from atre_web.factory.guidance import _Shelf


class Engine:
    """Tells what it is told to tell, and counts how often it was asked."""

    def __init__(self) -> None:
        self.mark: tuple[int, int] | None = (1, 1)
        self.model = "factory"
        self.is_loading = False
        self.num_asked = 0

    def incarnation(self) -> tuple[int, int] | None:
        return self.mark

    def describe(self) -> EngineDescription:
        self.num_asked += 1
        if self.is_loading:
            raise EngineUnavailableError("Still loading.")
        name = "Âtre factory" if self.model == "factory" else self.model
        return cast("EngineDescription", _Told(self.model, name))


class _Told:
    def __init__(self, model: str, name: str) -> None:
        self.model, self.name = model, name


@pytest.fixture
def shelf() -> _Shelf:
    return _Shelf(lambda: cast("Handbook", None))


@pytest.fixture
def engine() -> Engine:
    return Engine()


def is_for(shelf: _Shelf, engine: Engine) -> bool:
    return shelf.is_for(cast("EngineClient", engine))


def test_an_engine_is_asked_once(shelf: _Shelf, engine: Engine) -> None:
    assert [is_for(shelf, engine) for _ in range(3)] == [True, True, True]
    assert engine.num_asked == 1


def test_the_next_engine_is_asked_anew(shelf: _Shelf, engine: Engine) -> None:
    assert is_for(shelf, engine)
    engine.mark, engine.model = (2, 1), "qwen"
    assert not is_for(shelf, engine)


def test_who_cannot_be_told_from_the_next_is_asked_each_time(shelf: _Shelf, engine: Engine) -> None:
    engine.mark = None
    assert is_for(shelf, engine)
    engine.model = "qwen"
    assert not is_for(shelf, engine)


def test_an_engine_that_loads_is_asked_again(shelf: _Shelf, engine: Engine) -> None:
    engine.is_loading = True
    with pytest.raises(EngineUnavailableError):
        is_for(shelf, engine)
    engine.is_loading = False
    assert is_for(shelf, engine)


def test_an_incarnation_is_that_of_the_socket_behind_the_link(tmp_path: Path) -> None:
    door, main, lobby = (tmp_path / name for name in ("engine.sock", "main.sock", LOBBY_SOCKET))
    client = EngineClient(door)
    assert client.incarnation() is None, "nobody"
    main.touch()
    lobby.touch()
    door.symlink_to(main.name)
    first = client.incarnation()
    assert first is not None
    assert client.incarnation() == first

    other = tmp_path / "new.sock"
    other.touch()
    os.utime(other)
    other.replace(main)
    assert client.incarnation() not in {None, first}, "another process made it"

    door.unlink()
    door.symlink_to(lobby.name)
    assert client.incarnation() is None, "the lobby"
