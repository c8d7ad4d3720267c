# SPDX-License-Identifier: Apache-2.0
"""Random loads on the scripted runner: sharing the engine changes nobody's answer."""

import itertools
import random
from dataclasses import dataclass, field

import pytest

from atre.engine.answer import Answer
from atre.engine.detokenizer import StopStrings
from atre.engine.engine import Engine
from atre.engine.kv_cache import KVCache
from atre.engine.model_runner import Sampled
from atre.engine.pace import FixedPace
from atre.engine.prefix_cache import PrefixCache
from atre.engine.scripted_runner import ScriptedRunner, scripted_token
from atre.engine.sequence import Chunk, Sequence, Status
from atre.engine.snapshot_cache import SnapshotCache
from atre.engine.snapshots import Snapshots
from atre.ipc.messages import Delta, EngineEvent, Finished, FinishReason, Priority

NUM_TOKENS = 64
END = 63
ECHO = 5
PIECES = [bytes([token + 0x20]) for token in range(NUM_TOKENS)]


class ScriptedVocabulary:
    num_tokens = NUM_TOKENS

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        del add_special
        return [ord(character) - 0x20 for character in text]

    def piece(self, token: int) -> bytes:
        return PIECES[token]

    def is_end(self, token: int) -> bool:
        return token == END


class CheckedRunner(ScriptedRunner):
    """Also checks, at each step, what every batch must keep."""

    def __init__(
        self, *, num_slots: int, max_batch_tokens: int, kv: KVCache, snapshots: Snapshots
    ) -> None:
        super().__init__(
            num_slots=num_slots,
            max_batch_tokens=max_batch_tokens,
            num_tokens=NUM_TOKENS,
            echo=ECHO,
            snapshots=snapshots,
        )
        self._budget = max_batch_tokens
        self._kv = kv
        self.num_mixed = 0
        self.num_guessed = 0

    def run(self, batch: list[Chunk]) -> dict[int, list[Sampled]]:
        assert sum(chunk.num_rows for chunk in batch) <= self._budget
        decoding = [chunk.sequence.is_decoding for chunk in batch]
        assert decoding == sorted(decoding, reverse=True), "a prompt came before a decode token"
        self.num_mixed += any(decoding) and not all(decoding)
        sampled = super().run(batch)
        self.num_guessed += sum(len(some) - 1 for some in sampled.values())
        if isinstance(self._kv, PrefixCache):
            self._kv.check()
            assert self.num_cells_used <= self._kv.num_used
        else:
            assert self.num_cells_used <= self._kv.num_in_use
        assert self._kv.num_in_use <= self._kv.num_cells
        return sampled


@dataclass
class Load:
    sequence: Sequence
    arrives: int
    leaves: int | None
    events: list[EngineEvent] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))


def answer_alone(prompt: list[int], max_tokens: int) -> tuple[str, FinishReason]:
    tokens = list(prompt)
    while len(tokens) - len(prompt) < max_tokens:
        token = scripted_token(tokens, NUM_TOKENS, ECHO)
        tokens.append(token)
        if token == END:
            return _text(tokens[len(prompt) : -1]), FinishReason.STOP
    return _text(tokens[len(prompt) :]), FinishReason.LENGTH


def _text(tokens: list[int]) -> str:
    return b"".join(PIECES[token] for token in tokens).decode()


def random_prompt(rng: random.Random, bases: list[list[int]], size: int) -> list[int]:
    """Prompts that often start alike, as those of one conversation or document do."""
    common = rng.randint(0, size)
    return rng.choice(bases)[:common] + [rng.randrange(END) for _ in range(size - common)]


def random_loads(rng: random.Random, window: int, public: list[int]) -> list[Load]:
    loads = []
    bases = [[rng.randrange(END) for _ in range(window)] for _ in range(3)]
    for number in range(1, rng.randint(2, 14)):
        num_prompt = rng.randint(1, window - 1)
        prompt = random_prompt(rng, bases, num_prompt)
        if rng.random() < 0.5 and num_prompt > len(public):
            prompt[: len(public)] = public
        sequence = Sequence(
            id=number,
            tokens=list(prompt),
            num_prompt=num_prompt,
            max_tokens=rng.randint(1, window - num_prompt),
            user=rng.choice(["anna", "bo"]),
            priority=rng.choice(list(Priority)),
        )
        arrives = rng.randint(0, 20)
        leaves = arrives + rng.randint(0, 30) if rng.random() < 0.2 else None
        loads.append(Load(sequence, arrives, leaves))
    return loads


def fill(runner: ScriptedRunner, slot: int, tokens: list[int]) -> None:
    for token in tokens:  # one by one: the smallest budget is one row
        sequence = Sequence(id=0, tokens=[*runner.held(slot), token], num_prompt=1, max_tokens=1)
        sequence.admit(slot, len(sequence.tokens) - 1)
        ScriptedRunner.run(runner, [Chunk(sequence, 1)])


def run_load(seed: int) -> tuple[list[Load], PrefixCache | SnapshotCache, CheckedRunner]:
    rng = random.Random(seed)
    window = rng.randint(4, 40)
    max_running = rng.randint(1, 6)
    num_slots = max_running + rng.randint(0, 6)
    public = [rng.randrange(END) for _ in range(rng.choice([0, 0, 3]))]
    num_slots += bool(public)
    num_cells = window + len(public) + rng.randint(0, 3 * window)
    snapshots = Snapshots(max_bytes=rng.choice([0, 50, 1000]))
    kv: PrefixCache | SnapshotCache = PrefixCache(
        num_cells=num_cells,
        num_slots=num_slots,
        public=public,
        most_remembered=rng.choice([None, num_cells]),
        snapshots=snapshots,
        least_tokens=2,
    )
    if not public and rng.random() < 0.4:
        kv = SnapshotCache(
            num_cells=num_cells, num_slots=num_slots, snapshots=snapshots, least_tokens=2
        )
    budget = max_running + rng.randint(0, 24)
    runner = CheckedRunner(num_slots=num_slots, max_batch_tokens=budget, kv=kv, snapshots=snapshots)
    if isinstance(kv, PrefixCache) and kv.public_slot is not None:
        fill(runner, kv.public_slot, public)
    milliseconds = itertools.count()
    engine = Engine(
        runner=runner,
        max_running=max_running,
        vocabulary=ScriptedVocabulary(),
        kv=kv,
        max_batch_tokens=budget,
        queue_limit=100,
        pace=FixedPace(budget, draft_length=rng.choice([0, 2, 4, 8]))
        if rng.random() < 0.7
        else None,
        clock=lambda: 0.001 * next(milliseconds),  # a step takes what it takes, every time alike
    )
    loads = random_loads(rng, window, public)
    answers = {
        load.sequence.id: Answer(load.sequence, load.events.append, "m", StopStrings([]), 0.0)
        for load in loads
    }
    for step in range(20_000):
        for load in loads:
            if load.arrives == step:
                engine.submit(answers[load.sequence.id])
            if load.leaves == step:
                engine.abort(answers[load.sequence.id])
        engine.step()
        if step > 60 and all(load.sequence.status is Status.FINISHED for load in loads):
            return loads, kv, runner
    raise AssertionError("not everything finished")


@pytest.mark.parametrize("block", range(8))
def test_answers_equal_those_given_alone(block: int) -> None:
    num_mixed = num_cached = num_guessed = 0
    for seed in range(block * 50, block * 50 + 50):
        loads, kv, runner = run_load(seed)
        num_mixed += runner.num_mixed
        num_guessed += runner.num_guessed
        kv.evict_all()
        if isinstance(kv, PrefixCache):
            assert kv.num_in_use == kv.num_used == len(kv.public), f"seed {seed}"
        else:
            assert kv.num_in_use == 0, f"seed {seed}"
        for load in loads:
            num_cached += load.sequence.num_cached or 0
            prompt = load.sequence.tokens[: load.sequence.num_prompt]
            text, reason = answer_alone(prompt, load.sequence.max_tokens)
            end = load.events[-1] if load.events else None
            if load.leaves is None:
                assert isinstance(end, Finished), f"seed {seed}"
                assert (load.text, end.reason) == (text, reason), f"seed {seed}"
            else:
                assert text.startswith(load.text), f"seed {seed}"
    assert num_mixed > 0, "no batch mixed prompts and decode tokens; the loads prove little"
    assert num_guessed > 100, "hardly any guess came true; the loads prove little"
    assert num_cached > 100, "hardly any prefix was shared; the loads prove little"
