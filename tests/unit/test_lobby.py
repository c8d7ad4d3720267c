# SPDX-License-Identifier: Apache-2.0
"""The lobby on a real socket, with the clients that everybody uses."""

import select
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from atre.box.lobby import Lobby
from atre.errors import (
    ClosedReason,
    EngineUnavailableError,
    IntakeClosedError,
    ModelNotFoundError,
    QueueFullError,
)
from atre.ipc.client import EngineClient, Generation
from atre.ipc.intake import Intake
from atre.ipc.messages import (
    Accepted,
    EngineDescription,
    EngineRequest,
    Finished,
    FinishReason,
    Generate,
)
from atre.ipc.presence import Waking
from atre.ipc.server import Connection, Server

_TIMEOUT_S = 30.0
_FINISHED = Finished(
    reason=FinishReason.STOP, prompt_tokens=1, cached_tokens=0, completion_tokens=1,
    first_token_ms=1.0, total_ms=1.0,
)  # fmt: skip
_DESCRIPTION = EngineDescription(
    model="m", name="M", description="", licence="", num_parameters=1, size_bytes=1, n_ctx=1,
    n_ctx_train=1, num_slots=1, threads=1, device="cpu", started_at=0.0, num_running=0,
    num_waiting=0, queue_limit=1, kv_cells_used=0, kv_cells_total=1, decode_tokens_per_s=0.0,
    prefill_tokens_per_s=0.0, completion_tokens_total=0, requests_total=0, asleep_since=1.0,
)  # fmt: skip


class Place:
    """An engine's address that leads to a lobby."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.door = directory / "engine.sock"
        self.lobby = Lobby(directory / "lobby.sock", Intake(directory), queue_limit=2)
        self.lobby.take_over(_DESCRIPTION)
        self.lead_to("lobby.sock")
        self.client = EngineClient(self.door)

    def lead_to(self, name: str) -> None:
        self.door.unlink(missing_ok=True)
        self.door.symlink_to(name)

    def wait_for_knock(self) -> None:
        assert select.select([self.lobby], [], [], _TIMEOUT_S)[0]
        self.lobby.hear()

    def ask(self, prompt: str = "") -> Generation:
        """A request that waits; it was told so."""
        generation = self.client.generate(Generate(prompt=prompt))
        assert next(generation) == Waking(model="m", fraction=0.0)
        self.wait_for_knock()
        return generation


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.lobby.close()


def test_a_closed_intake_wakes_nobody(place: Place) -> None:
    Intake(place.directory).close(ClosedReason.BATTERY_LOW, retry_after_s=60)
    with place.client.generate(Generate(prompt="")) as late, pytest.raises(IntakeClosedError):
        next(late)
    assert place.lobby.num_waiting == 0
    assert not select.select([place.lobby], [], [], 0)[0]


def test_it_says_what_sleeps_and_nobody_is_woken_by_that(place: Place) -> None:
    assert place.client.describe() == _DESCRIPTION
    assert place.client.activity().num_open == 0
    assert not select.select([place.lobby], [], [], 0)[0]


def test_who_waits_hears_how_far_it_is_and_then_the_engine(place: Place) -> None:
    first, second = place.ask("one"), place.ask("two")
    descriptor = first.fileno()
    place.lobby.wake(0.5)
    for waiting in (first, second):
        assert next(waiting) == Waking(model="m", fraction=0.5)
    described = place.client.describe()
    assert (described.waking, described.num_waiting) == (0.5, 2)

    asked: list[str] = []
    decoder = msgspec.msgpack.Decoder(EngineRequest)

    def answer(connection: Connection, body: bytes) -> None:
        request = decoder.decode(body)
        assert isinstance(request, Generate)
        asked.append(str(request.prompt))
        connection.send(Accepted(model="m", prompt_tokens=1))
        connection.send(_FINISHED)

    engine = Server(place.directory / "main.sock", answer, lambda _: None)
    engine.start()
    try:
        place.lead_to("main.sock")
        place.lobby.hand_over()
        for waiting in (first, second):
            assert [type(event) for event in waiting] == [Accepted, Finished]
        assert sorted(asked) == ["one", "two"]
        assert first.fileno() == descriptor
        place.lead_to("lobby.sock")
        with place.client.generate(Generate(prompt="late")) as late:
            place.lead_to("main.sock")
            assert [type(event) for event in late] == [Accepted, Finished]
    finally:
        first.close()
        second.close()
        engine.close()


def test_as_many_wait_as_the_queue_holds_and_who_leaves_makes_room(place: Place) -> None:
    first, second = place.ask(), place.ask()
    with place.client.generate(Generate(prompt="")) as third, pytest.raises(QueueFullError):
        next(third)
    first.close()
    while place.client.activity().num_open > 1:
        pass
    place.ask().close()
    second.close()


def test_a_failed_load_is_told_to_those_who_wait(place: Place) -> None:
    with place.ask() as waiting:
        place.lobby.wake(0.5)
        place.lobby.refuse("no memory")
        with pytest.raises(EngineUnavailableError, match="did not wake up: no memory"):
            list(waiting)
    assert place.client.describe().waking is None
    assert place.lobby.num_waiting == 0


def test_another_model_does_not_wake_this_one(place: Place) -> None:
    other = Generate(prompt="", model="other")
    with place.client.generate(other) as refused, pytest.raises(ModelNotFoundError, match="'m'"):
        next(refused)
    assert not select.select([place.lobby], [], [], 0)[0]
