# SPDX-License-Identifier: Apache-2.0
"""A stream never falls silent for long, however long the engine takes."""

import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from atre.ipc.client import EngineClient
from atre.ipc.energy_messages import RequestEnergy
from atre.ipc.message import Message
from atre.ipc.messages import (
    Accepted,
    Delta,
    EngineEvent,
    Finished,
    FinishReason,
    Generate,
    Queued,
    Reading,
)
from atre.ipc.server import Connection, Server
from atre_web.openai import sse
from atre_web.openai.answer import streamed_answer
from atre_web.openai.interruption import ClientGoneError, Interruption
from atre_web.openai.relay import HEARTBEAT_S, Relay
from atre_web.openai.shape import ChatShape
from atre_web.openai.stream import Wishes

WISHES = Wishes(include_usage=False, return_progress=False)
PROMISED_S = 15.0
QUICK_S = 0.3
REPEAT_S = 0.001  # far less than a heartbeat
LONG_S = 10.0
END = Finished(
    reason=FinishReason.STOP,
    prompt_tokens=1,
    cached_tokens=0,
    completion_tokens=1,
    first_token_ms=1.0,
    total_ms=1.0,
)


class Uncounted:
    """A meter that nobody reads."""

    energy = RequestEnergy()

    def count(self, index: int, event: EngineEvent) -> None: ...

    def check(self) -> None: ...

    def close(self) -> None: ...


class SlowEngine:
    """Accepts every request and repeats ``message`` if there is one, until told to end.

    It ends by itself after ``LONG_S``.
    """

    def __init__(self, socket_path: Path, message: Message | None) -> None:
        self._message = message
        self._end = threading.Event()
        self.left = threading.Event()
        self._server = Server(socket_path, self._answer, lambda _: self.left.set())
        self._threads: list[threading.Thread] = []
        self._server.start()

    def end(self) -> None:
        self._end.set()

    def close(self) -> None:
        self.end()
        for thread in self._threads:
            thread.join()
        self._server.close()

    def _answer(self, connection: Connection, _body: bytes) -> None:
        connection.send(Accepted(model="slow", prompt_tokens=1))
        thread = threading.Thread(target=self._go_on, args=[connection])
        self._threads.append(thread)
        thread.start()

    def _go_on(self, connection: Connection) -> None:
        end_s = time.monotonic() + LONG_S
        while not self._end.wait(REPEAT_S) and time.monotonic() < end_s:
            if self._message:
                connection.send(self._message)
        connection.send(Delta(text="Bonjour"))
        connection.send(END)


@pytest.fixture(
    params=[
        pytest.param(None, id="silent"),
        pytest.param(Queued(position=3), id="queued"),
        pytest.param(Reading(total=9, cached=0, processed=1, time_ms=1), id="reading"),
    ]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SlowEngine]:
    with closing(SlowEngine(tmp_path / "engine.sock", request.param)) as made:
        yield made


def test_comments_come_while_there_is_nothing_to_say(engine: SlowEngine, tmp_path: Path) -> None:
    client = EngineClient(tmp_path / "engine.sock")
    relay = Relay(
        client, [Generate(prompt="Bonjour")], Interruption(), meter=Uncounted(), heartbeat_s=QUICK_S
    )
    with streamed_answer(relay, ChatShape(), WISHES) as answer:
        pieces = iter(answer.response)
        assert b"assistant" in next(pieces)
        assert list(itertools.islice(pieces, 3)) == [sse.COMMENT] * 3
        engine.end()
        rest = [piece for piece in pieces if piece != sse.COMMENT]
    assert b"Bonjour" in rest[0]
    assert rest[-1] == sse.DONE


def test_the_promise_is_kept_with_a_margin() -> None:
    assert HEARTBEAT_S <= PROMISED_S * 2 / 3


def test_leaving_cancels(engine: SlowEngine, tmp_path: Path) -> None:
    client = EngineClient(tmp_path / "engine.sock")
    with Relay(client, [Generate(prompt="Bonjour")], Interruption(), meter=Uncounted()) as relay:
        assert next(relay.events()) is not None
        assert not engine.left.is_set()
    assert engine.left.wait(PROMISED_S)


def test_a_client_that_left_is_noticed_at_once(engine: SlowEngine, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    client = EngineClient(tmp_path / "engine.sock")
    until = Interruption(client_fd=ours.fileno())
    with ours, Relay(client, [Generate(prompt="Bonjour")], until, meter=Uncounted()) as relay:
        events = relay.events()
        assert next(events) is not None
        theirs.close()
        with pytest.raises(ClientGoneError):
            list(events)
    assert engine.left.wait(PROMISED_S)


def test_who_is_still_answered_hears_that_the_box_stops(engine: SlowEngine, tmp_path: Path) -> None:
    closing_fd, say_closing = os.pipe()
    client = EngineClient(tmp_path / "engine.sock")
    relay = Relay(
        client, [Generate(prompt="Bonjour")], Interruption(closing_fd=closing_fd), meter=Uncounted()
    )
    with streamed_answer(relay, ChatShape(), WISHES) as answer:
        pieces = iter(answer.response)
        next(pieces)
        os.write(say_closing, b"\0")
        (last,) = pieces
    assert b'"code":"engine_unavailable"' in last
    assert engine.left.wait(PROMISED_S)
    os.close(closing_fd)
    os.close(say_closing)
