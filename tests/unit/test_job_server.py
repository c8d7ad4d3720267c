# SPDX-License-Identifier: Apache-2.0
"""One job a connection, over a service that the test holds in its hand."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from atre.errors import (
    AtreError,
    ClosedReason,
    EngineUnavailableError,
    IntakeClosedError,
    InvalidRequestError,
)
from atre.ipc.embedder_client import EmbedderClient
from atre.ipc.frame import FrameReader, encode_frame
from atre.ipc.intake import Intake
from atre.ipc.job_server import Caller, JobServer
from atre.ipc.message import Message
from atre.ipc.messages import Embed, Embedded, EmbedderDescription, EmbedderRequest, Failed
from atre.ipc.peer import Peer
from atre.ipc.presence import Activity, DescribeActivity

DESCRIPTION = EmbedderDescription(
    model="m", name="M", dimensions=1, max_input_tokens=1, pooling="mean", threads=1,
    started_at=0.0, num_open=0, inputs_total=0, tokens_total=0,
)  # fmt: skip
DONE = Embedded(model="m", prompt_tokens=1)
TIMEOUT_S = 10


class Hands:
    """Takes jobs, which are callers, and computes none of them."""

    def __init__(self) -> None:
        self.may_prepare = threading.Event()
        self.may_prepare.set()
        self.preparing: queue.Queue[Embed] = queue.Queue()
        self.submitted: queue.Queue[Caller] = queue.Queue()
        self.aborted: queue.Queue[Caller] = queue.Queue()

    def describe(self) -> EmbedderDescription:
        return DESCRIPTION

    def prepare(self, request: Embed, caller: Caller) -> Caller:
        self.preparing.put(request)
        self.may_prepare.wait(TIMEOUT_S)
        if request.user == "refused":
            raise InvalidRequestError("refused", param="user")
        if request.user == "surprise":
            raise ZeroDivisionError
        return caller

    def submit(self, job: Caller) -> None:
        self.submitted.put(job)

    def abort(self, job: Caller) -> None:
        self.aborted.put(job)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JobServer[Embed, Caller]]:
    made: JobServer[Embed, Caller] = JobServer(
        tmp_path / "j.sock",
        model="test model",
        requests=EmbedderRequest | DescribeActivity,
        job_request=Embed,
        intake=Intake(tmp_path),
    )
    made.start()
    yield made
    made.close()


@pytest.fixture
def client(tmp_path: Path) -> EmbedderClient:
    return EmbedderClient(tmp_path / "j.sock")


@pytest.fixture
def hands(server: JobServer[Embed, Caller]) -> Hands:
    made = Hands()
    server.serve(made)
    return made


def test_before_there_is_a_model_its_absence_is_explained(
    server: JobServer[Embed, Caller], client: EmbedderClient
) -> None:
    with pytest.raises(EngineUnavailableError, match="test model is loading"):
        client.describe()
    server.refusal = EngineUnavailableError("no such file")
    with client.embed(Embed(texts=["a"])) as job, pytest.raises(AtreError, match="no such file"):
        job.read()


def test_a_job_is_answered_on_its_own_connection(hands: Hands, client: EmbedderClient) -> None:
    assert client.describe() == DESCRIPTION
    with client.embed(Embed(texts=["a"])) as one, client.embed(Embed(texts=["b"])) as other:
        callers = [hands.submitted.get(timeout=TIMEOUT_S) for _ in range(2)]
        for caller in callers:
            caller.send(DONE)
        assert one.read() == other.read() == [DONE]


def test_a_closed_intake_refuses_what_is_new_and_ends_what_runs(
    hands: Hands, client: EmbedderClient, tmp_path: Path
) -> None:
    intake = Intake(tmp_path)
    with client.embed(Embed(texts=["a"])) as running:
        caller = hands.submitted.get(timeout=TIMEOUT_S)
        intake.close(ClosedReason.ON_BATTERY, retry_after_s=60)
        with client.embed(Embed(texts=["b"])) as late, pytest.raises(IntakeClosedError) as caught:
            late.read()
        caller.send(DONE)
        assert running.read() == [DONE]
    assert caught.value.retry_after_s == 60
    intake.open()
    with client.embed(Embed(texts=["c"])):
        hands.submitted.get(timeout=TIMEOUT_S)


def test_a_job_is_open_from_its_arrival_until_its_caller_leaves(
    hands: Hands, client: EmbedderClient, tmp_path: Path
) -> None:
    peer = Peer(tmp_path / "j.sock", "test model", "modèle d’essai")

    def activity() -> Activity:
        return peer.ask(DescribeActivity(), Activity)

    hands.may_prepare.clear()
    with client.embed(Embed(texts=["a"])):
        hands.preparing.get(timeout=TIMEOUT_S)
        assert activity() == Activity(num_open=1, idle_s=0.0)
        hands.may_prepare.set()
        hands.submitted.get(timeout=TIMEOUT_S).send(DONE)
        assert activity().num_open == 1
    hands.aborted.get(timeout=TIMEOUT_S)
    first, second = activity(), activity()
    assert first.num_open == 0
    assert 0.0 < first.idle_s < second.idle_s


def test_before_there_is_a_model_nobody_is_answered(
    server: JobServer[Embed, Caller], tmp_path: Path
) -> None:
    assert server
    assert Peer(tmp_path / "j.sock", "m", "m").ask(DescribeActivity(), Activity).num_open == 0


def test_a_job_whose_caller_leaves_is_aborted(hands: Hands, client: EmbedderClient) -> None:
    with client.embed(Embed(texts=["a"])):
        job = hands.submitted.get(timeout=TIMEOUT_S)
    assert hands.aborted.get(timeout=TIMEOUT_S) is job


def test_a_job_whose_caller_left_before_it_was_prepared_is_never_submitted(
    server: JobServer[Embed, Caller], hands: Hands, client: EmbedderClient
) -> None:
    hands.may_prepare.clear()
    with client.embed(Embed(texts=["a"])):
        hands.preparing.get(timeout=TIMEOUT_S)
    while server._jobs:  # until the server's thread, which answers this, has seen the end
        assert client.describe() == DESCRIPTION
    hands.may_prepare.set()
    server._readers.shutdown()
    assert hands.submitted.empty()
    assert hands.aborted.empty()


def answers(path: Path, *frames: bytes) -> Iterator[Message]:
    """What comes back for ``frames`` on one connection."""
    with Peer(path, "server", "serveur").connect() as connection:
        connection.settimeout(TIMEOUT_S)
        connection.sendall(b"".join(frames))
        reader = FrameReader()
        while data := connection.recv(65536):
            for body in reader.feed(data):
                yield msgspec.msgpack.decode(body, type=EmbedderDescription | Failed)


@pytest.mark.usefixtures("hands")
def test_a_second_job_on_a_connection_is_refused(tmp_path: Path) -> None:
    frame = encode_frame(Embed(texts=["a"]))
    answer = next(answers(tmp_path / "j.sock", frame, frame))
    assert isinstance(answer, Failed)
    assert "open another" in answer.message


@pytest.mark.usefixtures("hands")
@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b"\0\0\0\1\xc1", "malformed"),
        (encode_frame(DONE), "malformed"),
        (encode_frame(Embed(user="refused")), "refused"),
        (encode_frame(Embed(user="surprise")), "log"),
    ],
    ids=["garbage", "another message", "refused", "surprise"],
)
def test_what_cannot_be_taken_is_answered(tmp_path: Path, frame: bytes, said: str) -> None:
    answer = next(answers(tmp_path / "j.sock", frame))
    assert isinstance(answer, Failed)
    assert said in answer.message
