# SPDX-License-Identifier: Apache-2.0
"""What every ModelRunner keeps, held against the scripted one and llama.cpp on real models."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from llama_cpp import llama_cpp as lib

from atre.engine.kv_cache import Release, Share
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.model_runner import ModelRunner
from atre.engine.scripted_runner import ScriptedRunner
from atre.engine.sequence import Chunk, Sequence
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.errors import DecodeError
from atre.ipc.messages import Sampling
from atre.plan.planning import factory_model_path

STORIES = Path(__file__).parents[3] / "shared" / "data" / "stories260K.gguf"
N_BATCH = 64
N_CTX = 1024
NUM_SLOTS = 4

_ids = itertools.count(1)


@dataclass
class Subject:
    runner: ModelRunner
    num_tokens: int

    def sequence(self, tokens: list[int], slot: int) -> Sequence:
        return Sequence(
            id=next(_ids),
            tokens=list(tokens),
            num_prompt=len(tokens),
            max_tokens=100,
            sampling=Sampling(temperature=0.0),
            slot=slot,
        )

    def prompt(self, length: int, seed: int = 1) -> list[int]:
        rng = random.Random(seed)
        return [rng.randrange(10, self.num_tokens) for _ in range(length)]

    def advance(self, *chunks: Chunk) -> None:
        """Run a batch and apply it, as the scheduler does."""
        sampled = self.runner.run(list(chunks))
        for chunk in chunks:
            new = sampled.get(chunk.sequence.id, [])
            chunk.sequence.num_computed += chunk.num_tokens + max(0, len(new) - 1)
            chunk.sequence.tokens += [each.token for each in new]

    def generate(self, sequence: Sequence, count: int) -> list[int]:
        while sequence.num_completion < count:
            self.advance(Chunk(sequence, min(sequence.num_uncomputed, N_BATCH)))
        return sequence.tokens[sequence.num_prompt :]

    def drop(self, sequence: Sequence) -> None:
        self.runner.apply(Release(sequence.running_slot))
        self.runner.forget(sequence)


def _scripted() -> Iterator[Subject]:
    yield Subject(ScriptedRunner(num_slots=NUM_SLOTS, max_batch_tokens=N_BATCH), 256)


def _llama(path: Path, n_ubatch: int = N_BATCH) -> Iterator[Subject]:
    model = LlamaModel(path, n_gpu_layers=0, on_progress=lambda _: None)
    plan = EnginePlan(
        model_path=str(path),
        n_ctx=N_CTX,
        max_sequence_tokens=N_CTX,
        num_slots=NUM_SLOTS,
        n_batch=N_BATCH,
        n_ubatch=n_ubatch,
        threads=1,
        threads_batch=1,
        cell_bytes=1,
    )
    runner = LlamaRunner(model, plan, Snapshots(max_bytes=0))
    yield Subject(runner, model.num_tokens)
    runner.close()
    model.close()


def _stories() -> Iterator[Subject]:
    if not STORIES.exists():
        pytest.skip("shared/data/stories260K.gguf is not beside the checkout")
    yield from _llama(STORIES)


_KINDS: dict[str, Callable[[], Iterator[Subject]]] = {
    "scripted": _scripted,
    "factory": lambda: _llama(factory_model_path()),
    "stories260K": _stories,
}


@pytest.fixture(scope="module", params=_KINDS)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    yield from _KINDS[request.param]()


def test_a_prompt_read_in_chunks_gives_what_it_gives_whole(subject: Subject) -> None:
    prompt = subject.prompt(50)
    whole = subject.sequence(prompt, 0)
    expected = subject.generate(whole, 8)
    subject.drop(whole)
    chunked = subject.sequence(prompt, 0)
    for size in (1, 7, 30):
        subject.advance(Chunk(chunked, size))
    assert subject.generate(chunked, 8) == expected
    subject.drop(chunked)


def test_fewer_threads_write_the_same_from_the_next_step_on(subject: Subject) -> None:
    if not isinstance(subject.runner, LlamaRunner):
        pytest.skip("the scripted runner has no threads")
    runner = subject.runner
    runner._plan = msgspec.structs.replace(runner._plan, threads=2)
    prompt = subject.prompt(20)
    answers = []
    for most, expected in ((None, 2), (1, 1), (9, 2)):
        runner.cap_threads(most)
        sequence = subject.sequence(prompt, 0)
        answers.append(subject.generate(sequence, 6))
        assert lib.llama_n_threads(runner._context) == expected
        subject.drop(sequence)
    assert answers[0] == answers[1] == answers[2]


def test_sequences_in_one_batch_do_not_see_each_other(subject: Subject) -> None:
    prompts = [subject.prompt(5 + 3 * seed, seed) for seed in range(3)]
    alone = []
    for prompt in prompts:
        sequence = subject.sequence(prompt, 0)
        alone.append(subject.generate(sequence, 10))
        subject.drop(sequence)
    together = [subject.sequence(prompt, slot) for slot, prompt in enumerate(prompts)]
    while any(sequence.num_completion < 10 for sequence in together):
        subject.advance(*(Chunk(sequence, sequence.num_uncomputed) for sequence in together))
    assert [sequence.tokens[sequence.num_prompt :][:10] for sequence in together] == alone
    for sequence in together:
        subject.drop(sequence)


def test_prompt_chunks_and_decode_tokens_share_a_batch(subject: Subject) -> None:
    talker = subject.sequence(subject.prompt(6), 0)
    expected_talk = subject.generate(talker, 12)
    subject.drop(talker)
    reader = subject.sequence(subject.prompt(40, seed=2), 1)
    expected_read = subject.generate(reader, 3)
    subject.drop(reader)

    talker = subject.sequence(subject.prompt(6), 0)
    reader = subject.sequence(subject.prompt(40, seed=2), 1)
    subject.advance(Chunk(talker, 6))
    while talker.num_completion < 12:
        chunk = min(8, reader.num_uncomputed)
        subject.advance(Chunk(talker, 1), Chunk(reader, chunk))
    assert talker.tokens[6:18] == expected_talk
    assert reader.tokens[40:43] == expected_read
    subject.drop(talker)
    subject.drop(reader)


def test_a_released_slot_remembers_nothing(subject: Subject) -> None:
    first = subject.sequence(subject.prompt(20), 2)
    expected = subject.generate(first, 5)
    subject.drop(first)
    stranger = subject.sequence(subject.prompt(33, seed=9), 2)
    subject.generate(stranger, 5)
    subject.drop(stranger)
    again = subject.sequence(subject.prompt(20), 2)
    assert subject.generate(again, 5) == expected
    subject.drop(again)


@pytest.mark.parametrize("fault", ["gap", "too long"])
def test_a_refused_batch_leaves_every_slot_as_it_was(subject: Subject, fault: str) -> None:
    good = subject.sequence(subject.prompt(10), 0)
    expected = subject.generate(good, 6)
    subject.drop(good)
    good = subject.sequence(subject.prompt(10), 0)
    subject.advance(Chunk(good, 10))
    bad = subject.sequence(subject.prompt(N_BATCH + 1), 1)
    if fault == "gap":
        subject.advance(Chunk(bad, 5))
        bad.num_computed = 30  # of which the slot holds 5
    with pytest.raises(DecodeError):
        subject.runner.run([Chunk(good, 1), Chunk(bad, bad.num_uncomputed)])
    assert subject.generate(good, 6) == expected
    subject.drop(good)
    subject.drop(bad)


@pytest.mark.parametrize("num_calls", [1, 5, 20, 60, 150])
def test_an_interrupted_computation_leaves_every_slot_as_it_was(num_calls: int) -> None:
    """Some of a batch may stay computed after ``llama_decode`` returns 2 (llama.h)."""
    subjects = _llama(factory_model_path(), n_ubatch=16)
    subject = next(subjects)
    good = subject.sequence(subject.prompt(10), 0)
    bad = subject.sequence(subject.prompt(60), 1)
    expected = subject.generate(good, 6), subject.generate(bad, 3)
    for sequence in (good, bad):
        subject.drop(sequence)

    good = subject.sequence(subject.prompt(10), 0)
    bad = subject.sequence(subject.prompt(60), 1)
    subject.advance(Chunk(good, 10))
    calls = itertools.count()
    interrupt = lib.ggml_abort_callback(lambda _: next(calls) >= num_calls)
    never = lib.ggml_abort_callback(lambda _: False)
    context = subject.runner._context  # type: ignore[attr-defined]
    lib.llama_set_abort_callback(context, interrupt, None)
    with pytest.raises(DecodeError) as caught:
        subject.runner.run([Chunk(good, 1), Chunk(bad, 60)])
    assert caught.value.code == 2
    lib.llama_set_abort_callback(context, never, None)
    assert (subject.generate(good, 6), subject.generate(bad, 3)) == expected
    for _ in subjects:
        pass


@pytest.mark.parametrize("shared", [1, 17, 49])
def test_a_shared_prefix_gives_what_a_computed_one_gives(subject: Subject, shared: int) -> None:
    prompt = subject.prompt(50)
    first = subject.sequence(prompt, 0)
    expected = subject.generate(first, 8)
    second = subject.sequence(prompt, 1)
    subject.runner.apply(Share(0, 1, 0, shared))
    second.num_computed = shared
    assert subject.generate(second, 8) == expected
    subject.drop(first)
    third = subject.sequence(prompt, 2)
    subject.runner.apply(Share(1, 2, 0, shared))  # outlives the slot that computed it
    third.num_computed = shared
    assert subject.generate(third, 8) == expected
    subject.drop(second)
    subject.drop(third)


def test_a_duplicate_can_be_replaced_by_the_original(subject: Subject) -> None:
    prompt = subject.prompt(50)
    first, second = subject.sequence(prompt, 0), subject.sequence(prompt, 1)
    expected = subject.generate(first, 8)
    subject.generate(second, 3)
    subject.runner.apply(Share(0, 1, 10, 40))
    assert subject.generate(second, 8) == expected
    subject.drop(first)
    again = subject.sequence(prompt, 0)
    assert subject.generate(again, 8) == expected
    subject.drop(second)
    subject.drop(again)


@pytest.mark.parametrize("num_right", [0, 1, 4])
def test_guesses_change_speed_and_nothing_else(subject: Subject, num_right: int) -> None:
    prompt = subject.prompt(20)
    plain = subject.sequence(prompt, 0)
    expected = subject.generate(plain, 12)
    subject.drop(plain)
    sequence = subject.sequence(prompt, 0)
    other = subject.sequence(subject.prompt(9, seed=4), 1)
    expected_other = subject.generate(other, 4)
    subject.drop(other)
    other = subject.sequence(subject.prompt(9, seed=4), 1)
    subject.advance(Chunk(sequence, 20), Chunk(other, 9))
    guesses = expected[1 : 1 + num_right]
    wrong = [(token + 1) % subject.num_tokens for token in expected[1 + num_right : 5]]
    subject.advance(Chunk(sequence, 1, (*guesses, *wrong)), Chunk(other, 1))
    assert sequence.num_completion == 2 + num_right
    assert subject.generate(sequence, 12) == expected
    assert subject.generate(other, 4) == expected_other
    subject.drop(sequence)
    subject.drop(other)
