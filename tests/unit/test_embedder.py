# SPDX-License-Identifier: Apache-2.0
"""The embedder over a fake encoder: whose turn it is, what is sent, what fails."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.embedder.embedder import Embedder
from atre.embedder.encoder import Rows, Tokens
from atre.embedder.job import Job
from atre.embedder.normalise import normalise
from atre.embedder.turns import Turns
from atre.errors import DecodeError, EngineError, QueueFullError
from atre.ipc.message import Message
from atre.ipc.messages import Embedded, Failed, Vector

STEP_TOKENS, STEP_INPUTS = 20, 4
POISON, SILENCE = 13, 14


class CountingEncoder:
    """Two numbers for each input: its length and its first token. Refuses the token POISON."""

    max_input_tokens = 100
    max_batch_tokens = STEP_TOKENS
    max_batch_inputs = STEP_INPUTS

    def __init__(self) -> None:
        self.steps: list[list[Tokens]] = []

    def encode(self, inputs: Sequence[Tokens]) -> Rows:
        assert len(inputs) <= STEP_INPUTS
        assert len(inputs) == 1 or sum(map(len, inputs)) <= STEP_TOKENS
        self.steps.append(list(inputs))
        if any(POISON in tokens for tokens in inputs):
            raise DecodeError("poisoned", code=-3)
        rows = [[len(tokens), tokens[0]] for tokens in inputs]
        return np.asarray([[0, 0] if SILENCE in row[1:] else row for row in rows], np.float32)


def job(*lengths: int, user: str = "a", first: int = 1, dimensions: int | None = None) -> Job:
    """A job that remembers what it was sent."""
    received: list[Message] = []
    return Job(
        inputs=[np.asarray([first] + [1] * (length - 1), np.int32) for length in lengths],
        model="m",
        dimensions=dimensions,
        user=user,
        send=received.append,
    )


def sent(of: Job) -> list[Message]:
    received: list[Message] = of.send.__self__  # type: ignore[attr-defined]
    return received


def make(queue_limit: int = 8) -> tuple[Embedder, CountingEncoder]:
    encoder = CountingEncoder()
    return Embedder(encoder, queue_limit=queue_limit), encoder


def run_dry(embedder: Embedder) -> None:
    while embedder.num_open:
        embedder.step()


def test_every_input_gets_its_vector_and_the_job_its_end() -> None:
    embedder, _ = make()
    asked = job(3, 4, 15, 5, 6, 7)
    embedder.submit(asked)
    run_dry(embedder)
    *vectors, end = sent(asked)
    assert end == Embedded(model="m", prompt_tokens=40)
    assert [each.index for each in vectors if isinstance(each, Vector)] == list(range(6))
    for each, length in zip(vectors, (3, 4, 15, 5, 6, 7), strict=True):
        assert isinstance(each, Vector)
        numbers = np.frombuffer(each.data, "<f4")
        assert np.allclose(numbers, np.asarray([length, 1]) / np.hypot(length, 1))
    assert embedder.num_tokens_computed == 40
    assert embedder.num_inputs_computed == 6


def test_a_small_request_passes_a_large_one_of_somebody_else() -> None:
    embedder, encoder = make()
    large, small = job(*[5] * 100, user="a"), job(5, user="b")
    embedder.submit(large)
    embedder.step()
    embedder.submit(small)
    embedder.step()
    assert isinstance(sent(small)[-1], Embedded)
    assert len(encoder.steps) == 2


def test_many_requests_of_one_person_are_no_more_turns() -> None:
    embedder, encoder = make()
    for _ in range(6):
        embedder.submit(job(*[10] * 4, user="a"))
    other = job(10, 10, user="b")
    embedder.submit(other)
    for _ in range(2):
        embedder.step()
    assert isinstance(sent(other)[-1], Embedded)
    assert [len(step) for step in encoder.steps] == [2, 2]


def test_a_departed_job_is_not_computed_further() -> None:
    embedder, encoder = make()
    gone, stays = job(*[20] * 10, user="a"), job(20, 20, user="b")
    embedder.submit(gone)
    embedder.submit(stays)
    embedder.step()
    embedder.abort(gone)
    embedder.abort(gone)
    run_dry(embedder)
    assert len(encoder.steps) == 3
    assert len(sent(gone)) == 1
    assert isinstance(sent(stays)[-1], Embedded)


def test_one_input_that_cannot_be_computed_fails_its_own_request_only() -> None:
    embedder, _ = make()
    bad, good = job(4, 4, user="a", first=POISON), job(4, 4, 4, user="b")
    embedder.submit(bad)
    embedder.submit(good)
    run_dry(embedder)
    (failed,) = sent(bad)
    assert isinstance(failed, Failed)
    assert len(sent(good)) == 4
    assert isinstance(sent(good)[-1], Embedded)


def test_a_vector_without_direction_is_an_error() -> None:
    embedder, _ = make()
    silent = job(4, first=SILENCE)
    embedder.submit(silent)
    run_dry(embedder)
    (failed,) = sent(silent)
    assert isinstance(failed, Failed)
    assert "no direction" in failed.message


def test_a_full_queue_says_when_to_come_back() -> None:
    now_s = iter(range(0, 1000, 10))  # a step takes ten seconds
    embedder = Embedder(CountingEncoder(), queue_limit=2, clock=lambda: float(next(now_s)))
    embedder.submit(job(*[20] * 5, user="a"))
    embedder.submit(job(20, user="b"))
    with pytest.raises(QueueFullError) as refused:
        embedder.submit(job(1, user="c"))
    assert refused.value.retry_after_s == 1
    embedder.step()
    with pytest.raises(QueueFullError) as refused:
        embedder.submit(job(1, user="c"))
    assert refused.value.retry_after_s == 25  # 100 tokens at 2 a second, two requests
    run_dry(embedder)
    embedder.submit(job(1, user="c"))


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.lists(st.integers(1, 60), min_size=1))))
def test_nobody_waits_longer_than_a_step_for_each_other_user(
    asked: list[tuple[str, list[int]]],
) -> None:
    turns = Turns()
    for user, lengths in asked:
        turns.add(job(*lengths, user=user))
    num_users = len({user for user, _ in asked})
    waited = dict.fromkeys((user for user, _ in asked), 0)
    left = {user: sum(len(each) for name, each in asked if name == user) for user in waited}
    while len(turns):
        pieces = turns.take(STEP_TOKENS, STEP_INPUTS)
        served = {piece.job.user for piece in pieces}
        assert pieces
        for piece in pieces:
            left[piece.job.user] -= 1
        for user in waited:
            waited[user] = 0 if user in served or not left[user] else waited[user] + 1
            assert waited[user] < num_users
    assert not any(left.values())
    assert turns.num_tokens == 0


def test_fewer_dimensions_are_scaled_again() -> None:
    vector = np.asarray([3.0, 4.0, 12.0], np.float32)
    assert np.allclose(normalise(vector, None), vector / 13)
    assert np.allclose(normalise(vector, 2), [0.6, 0.8])
    for bad in ([0, 0], [np.nan, 1], [np.inf, 1]):
        with pytest.raises(EngineError):
            normalise(np.asarray(bad, np.float32), None)
