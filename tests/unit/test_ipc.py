# SPDX-License-Identifier: Apache-2.0
import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from atre import errors
from atre.errors import (
    AtreError,
    ContextLengthError,
    EngineUnavailableError,
    InvalidRequestError,
    ModelLoadError,
    ModelProblem,
    ModelStoreError,
    QueueFullError,
    QuotaError,
    RequestError,
    UpdateError,
    UpdateProblem,
)
from atre.ipc.client import EngineClient
from atre.ipc.failure import error_from, failure
from atre.ipc.frame import MAX_FRAME_BYTES, FrameReader, encode_frame
from atre.ipc.message import Message
from atre.ipc.messages import Accepted, Delta, EngineRequest, Finished, FinishReason, Generate
from atre.ipc.server import Connection, Server

FINISHED = Finished(
    reason=FinishReason.STOP,
    prompt_tokens=1,
    cached_tokens=0,
    completion_tokens=1,
    first_token_ms=1.0,
    total_ms=2.0,
)


def test_frames_survive_any_cut() -> None:
    messages = [Delta(text="é" * n) for n in (0, 1, 300)]
    stream = b"".join(encode_frame(message) for message in messages)
    for size in (1, 2, 3, 7, len(stream)):
        reader = FrameReader()
        bodies = [
            body
            for start in range(0, len(stream), size)
            for body in reader.feed(stream[start : start + size])
        ]
        assert [msgspec.msgpack.decode(body, type=Delta) for body in bodies] == messages


def test_a_frame_that_is_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidRequestError, match="longer than"):
        FrameReader().feed((MAX_FRAME_BYTES + 1).to_bytes(4, "big"))


@pytest.mark.parametrize(
    "error",
    [
        ContextLengthError(300, 200, param="prompt"),
        QueueFullError(7),
        QuotaError("enough", retry_after_s=60),
        InvalidRequestError("no", "non", param="stop"),
        ModelLoadError("cut short", "tronqué"),
        ModelStoreError("full", "plein", problem=ModelProblem.DISK_FULL),
        UpdateError("older", "ancien", problem=UpdateProblem.OLDER),
        EngineUnavailableError("gone"),
    ],
)
def test_an_error_crosses_the_socket_unchanged(error: AtreError) -> None:
    rebuilt = error_from(failure(error))
    assert type(rebuilt) is type(error)
    assert str(rebuilt) == str(error)
    assert vars(rebuilt) == vars(error)


def test_every_request_error_can_cross_the_socket() -> None:
    made: dict[type[RequestError], RequestError] = {
        ContextLengthError: ContextLengthError(2, 1),
        QueueFullError: QueueFullError(1),
        QuotaError: QuotaError("message", retry_after_s=1),
    }
    kinds: list[type[RequestError]] = [RequestError, *RequestError.__subclasses__()]
    for kind in kinds:
        error = made[kind] if kind in made else kind("message", param="p")
        assert type(error_from(failure(error))) is kind


def test_the_error_tree_is_drawn_as_it_is() -> None:
    drawn = errors.__doc__ or ""
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert name in drawn


class Peer:
    """A server whose connections and requests the test sees."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.requests: queue.Queue[tuple[Connection, Message]] = queue.Queue()
        self.closed: queue.Queue[Connection] = queue.Queue()
        self.server = Server(path, self._on_frame, self.closed.put)
        self.server.start()

    def _on_frame(self, connection: Connection, body: bytes) -> None:
        self.requests.put((connection, msgspec.msgpack.decode(body, type=EngineRequest)))


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    peer = Peer(tmp_path / "s.sock")
    yield peer
    peer.server.close()


def test_a_generation_brings_its_events_until_it_finishes(peer: Peer) -> None:
    with EngineClient(peer.path).generate(Generate(prompt="a", user="u")) as generation:
        connection, request = peer.requests.get(timeout=10)
        assert request == Generate(prompt="a", user="u")
        sent = [Accepted(model="m", prompt_tokens=1), Delta(text="x"), FINISHED]
        for event in sent:
            connection.send(event)
        assert list(generation) == sent


def test_closing_a_generation_is_seen_by_the_server(peer: Peer) -> None:
    generation = EngineClient(peer.path).generate(Generate(prompt="a"))
    connection, _ = peer.requests.get(timeout=10)
    generation.close()
    assert peer.closed.get(timeout=10) is connection
    connection.send(Delta(text="too late"))


def test_a_reader_that_is_slow_still_gets_everything_in_order(peer: Peer) -> None:
    with EngineClient(peer.path).generate(Generate(prompt="a")) as generation:
        connection, _ = peer.requests.get(timeout=10)
        texts = [f"{number:06}" * 20 for number in range(5000)]  # more than a socket holds
        for each in texts:
            connection.send(Delta(text=each))
        connection.send(FINISHED)
        events = list(generation)
    assert [event.text for event in events if isinstance(event, Delta)] == texts


def test_a_lost_server_is_an_honest_error(peer: Peer) -> None:
    with EngineClient(peer.path).generate(Generate(prompt="a")) as generation:
        peer.requests.get(timeout=10)
        peer.server.close()
        with pytest.raises(EngineUnavailableError, match="restarted"):
            list(generation)
    with pytest.raises(EngineUnavailableError, match="not running"):
        EngineClient(peer.path).describe()
    peer.server = Server(peer.path, lambda *_: None, lambda _: None)
    peer.server.start()


def test_a_reply_that_nobody_asked_for_is_an_honest_error(peer: Peer) -> None:
    answering = threading.Thread(target=lambda: peer.requests.get(timeout=10)[0].send(FINISHED))
    answering.start()
    with pytest.raises(EngineUnavailableError, match="something else"):
        EngineClient(peer.path).describe()
    answering.join()


def test_the_socket_is_for_its_owner_alone(peer: Peer) -> None:
    assert peer.path.stat().st_mode & 0o777 == 0o600


def test_garbage_closes_one_connection_and_no_other(peer: Peer) -> None:
    with socket.socket(socket.AF_UNIX) as garbage:
        garbage.connect(str(peer.path))
        garbage.sendall(b"\xff" * 100)
        garbage.settimeout(10)
        assert b"longer than" in garbage.recv(1000)
        assert garbage.recv(1000) == b""
    with EngineClient(peer.path).generate(Generate(prompt="a")):
        peer.requests.get(timeout=10)
