# SPDX-License-Identifier: Apache-2.0
"""What the engine's socket does with peers that do not keep to the protocol."""

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest

from atre.ipc.client import EngineClient
from atre.ipc.frame import MAX_FRAME_BYTES, FrameReader, encode_frame
from atre.ipc.messages import (
    DescribeBox,
    DescribeEngine,
    EngineDescription,
    EngineEvent,
    Failed,
    Finished,
    Generate,
    Sampling,
)
from atre.ipc.work_messages import WatchWork, WorkDone, request_id

if TYPE_CHECKING:
    from tests.integration.running_box import RunningBox

TIMEOUT_S = 30.0


@contextmanager
def peer(box: "RunningBox", *, still_works: bool = True) -> Iterator[socket.socket]:
    """A connection to the engine; afterwards another one is answered as always."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.connect(str(box.engine_socket))
        yield connection
    if still_works:
        assert finish(box).completion_tokens == 3


def finish(box: "RunningBox") -> Finished:
    request = Generate(prompt=[5, 6, 7], max_tokens=3, sampling=Sampling(logit_bias={0: -100.0}))
    with EngineClient(box.engine_socket).generate(request) as generation:
        *_, last = generation
    assert isinstance(last, Finished)
    return last


def events(connection: socket.socket) -> Iterator[EngineEvent]:
    """Everything that comes until the engine hangs up."""
    frames = FrameReader()
    while data := connection.recv(65536):
        for body in frames.feed(data):
            yield msgspec.msgpack.decode(body, type=EngineEvent)


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"Bonjour", id="text"),
        pytest.param(b"\xc1" * 1000, id="bytes that MessagePack never uses"),
        pytest.param(b"\x91" * 100_000, id="deep nesting"),
        pytest.param(msgspec.msgpack.encode({"type": "Stop"}), id="unknown message"),
        pytest.param(msgspec.msgpack.encode({"type": "Generate", "messages": 5}), id="wrong type"),
        pytest.param(msgspec.msgpack.encode({"type": "Generate", "x": 5}), id="unknown field"),
        pytest.param(encode_frame(DescribeBox())[4:], id="a message for somebody else"),
    ],
)
def test_a_malformed_message_is_answered(box: "RunningBox", body: bytes) -> None:
    with peer(box) as connection:
        connection.sendall(framed(body))
        answer = next(events(connection))
        assert isinstance(answer, Failed)
        assert answer.kind == "InvalidRequestError"


@pytest.mark.parametrize("length", [MAX_FRAME_BYTES + 1, 2**32 - 1])
def test_a_frame_that_is_too_long_ends_the_connection(box: "RunningBox", length: int) -> None:
    with peer(box) as connection:
        connection.sendall(struct.pack(">I", length) + b"x")
        (answer,) = events(connection)
        assert isinstance(answer, Failed)
        assert str(MAX_FRAME_BYTES) in answer.message


def test_text_without_frames_ends_the_connection(box: "RunningBox") -> None:
    with peer(box) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        (answer,) = events(connection)
        assert isinstance(answer, Failed)


@pytest.mark.parametrize("num_bytes", [1, 3, 4, 20])
def test_half_a_frame_harms_nobody(box: "RunningBox", num_bytes: int) -> None:
    before = box.describe().requests_total
    with peer(box, still_works=False) as connection:
        connection.sendall(encode_frame(Generate(prompt="Bonjour" * 10))[:num_bytes])
    finish(box)
    assert box.describe().requests_total == before + 1


def test_a_frame_may_come_byte_by_byte(box: "RunningBox") -> None:
    with peer(box) as connection:
        for byte in encode_frame(DescribeEngine()):
            connection.sendall(bytes([byte]))
        assert isinstance(next(events(connection)), EngineDescription)


def test_a_second_request_on_one_connection_is_refused_and_the_first_goes_on(
    box: "RunningBox",
) -> None:
    request = encode_frame(
        Generate(prompt=[5, 6, 7], max_tokens=30, sampling=Sampling(logit_bias={0: -100.0}))
    )
    with peer(box) as connection:
        connection.sendall(request + request)
        refusals = 0
        for event in events(connection):
            if isinstance(event, Failed):
                assert event.kind == "InvalidRequestError"
                refusals += 1
            if isinstance(event, Finished):
                assert event.completion_tokens == 30
                break
        assert refusals == 1


def test_a_reader_that_never_reads_holds_up_nobody(box: "RunningBox") -> None:
    with peer(box) as connection:
        request = Generate(
            prompt=[5], max_tokens=900, sampling=Sampling(logit_bias={0: -100.0}, logprobs=20)
        )
        connection.sendall(encode_frame(request))
        assert finish(box).completion_tokens == 3
    box.wait_for(lambda engine: engine.num_running == 0)


def test_many_idle_connections_leave_room_for_work(box: "RunningBox") -> None:
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(peer(box, still_works=False))
        assert finish(box).completion_tokens == 3
        assert box.describe().num_running == 0
    assert finish(box).completion_tokens == 3


def test_who_watches_hears_of_the_work_before_the_answer_is_over(box: "RunningBox") -> None:
    with peer(box) as connection:
        connection.sendall(encode_frame(WatchWork()))
        asked = finish(box)
        frames, records = FrameReader(), list[WorkDone]()
        while asked.request_id not in {
            request_id(each.start, number) for each in records for number in each.ended
        }:
            for body in frames.feed(connection.recv(65536)):
                records.append(msgspec.msgpack.decode(body, type=WorkDone))
    number = int(asked.request_id.rpartition("-")[2])
    rows = [each for record in records for each in record.rows if each.request == number]
    # The last token of a prompt whose others are cached is a row like one that is written.
    read = asked.prompt_tokens - asked.cached_tokens
    assert sum(each.prompt for each in rows) in {0, read}
    num_rows = sum(each.prompt + each.decode for each in rows)
    assert num_rows >= read + asked.completion_tokens - 1, "the last token is not followed"
