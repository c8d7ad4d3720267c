# SPDX-License-Identifier: Apache-2.0
"""What is reused gives the same logits as what is computed afresh, for each kind of memory."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from atre.engine.answer import Answer
from atre.engine.detokenizer import StopStrings
from atre.engine.engine import Engine
from atre.engine.kv_cache import KVCache
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.prefix_cache import PrefixCache
from atre.engine.sequence import Sequence
from atre.engine.snapshot_cache import SnapshotCache
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.ipc.messages import Delta, EngineEvent, Finished, Sampling, TokenLogprob

KINDS = ["llama", "gemma2", "mamba", "lfm2"]
NUM_CELLS = 1024
NUM_SLOTS = 4
N_BATCH = 64
PROMPT = [3 + (7 * n) % 60 for n in range(100)]
TURN = [3 + (11 * n) % 60 for n in range(20)]

_ids = itertools.count(1)


class Asker:
    """Asks an engine on a tiny model and reads the log probabilities of its answers."""

    def __init__(self, engine: Engine, snapshots: Snapshots) -> None:
        self._engine = engine
        self.snapshots = snapshots

    def ask(self, *prompts: list[int], user: str = "anna") -> list[tuple[Finished, list[float]]]:
        """Ask all at once; return how each ended, and the logits' log probabilities."""
        heard = [self._submit(prompt, user) for prompt in prompts]
        while not all(isinstance(events[-1], Finished) for events in heard):
            self._engine.step()
        return [self._read(events) for events in heard]

    def _submit(self, prompt: list[int], user: str) -> list[EngineEvent]:
        events: list[EngineEvent] = []
        sequence = Sequence(
            id=next(_ids),
            tokens=list(prompt),
            num_prompt=len(prompt),
            max_tokens=12,
            sampling=Sampling(temperature=0.0, logprobs=20, logit_bias={2: -100.0}),
            user=user,
        )
        self._engine.submit(Answer(sequence, events.append, "m", StopStrings([]), 0.0))
        return events

    def _read(self, events: list[EngineEvent]) -> tuple[Finished, list[float]]:
        tokens: list[TokenLogprob] = []
        for event in events:
            if isinstance(event, Delta):
                tokens += event.logprobs
        end = events[-1]
        assert isinstance(end, Finished)
        return end, [value for token in tokens for _, value in token.top]


@contextmanager
def asking(path: Path) -> Iterator[Asker]:
    model = LlamaModel(path, n_gpu_layers=0, on_progress=lambda _: None)
    plan = EnginePlan(
        model_path=str(path),
        n_ctx=NUM_CELLS,
        max_sequence_tokens=400,
        num_slots=NUM_SLOTS,
        n_batch=N_BATCH,
        n_ubatch=N_BATCH,
        threads=1,
        threads_batch=1,
        cell_bytes=1,
    )
    snapshots = Snapshots(max_bytes=2**24)
    runner = LlamaRunner(model, plan, snapshots)
    kv: KVCache = (
        PrefixCache(num_cells=NUM_CELLS, num_slots=runner.num_slots, snapshots=snapshots)
        if model.has_plain_memory
        else SnapshotCache(num_cells=NUM_CELLS, num_slots=runner.num_slots, snapshots=snapshots)
    )
    yield Asker(
        Engine(
            runner=runner,
            vocabulary=model,
            kv=kv,
            max_running=NUM_SLOTS,
            max_batch_tokens=N_BATCH,
            queue_limit=10,
            max_draft=0,
        ),
        snapshots,
    )
    runner.close()
    model.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_asked_again_and_continued(tiny_model: Callable[[str], Path], kind: str) -> None:
    with asking(tiny_model(kind)) as fresh:
        [(_, expected)] = fresh.ask(PROMPT)
    with asking(tiny_model(kind)) as fresh:
        [(_, expected_next)] = fresh.ask(PROMPT + TURN)
    assert expected != expected_next

    with asking(tiny_model(kind)) as asker:
        [(first, logprobs)] = asker.ask(PROMPT)
        assert first.cached_tokens == 0
        assert logprobs == pytest.approx(expected, abs=0.02)
        [(again, logprobs)] = asker.ask(PROMPT)
        assert again.cached_tokens == len(PROMPT) - 1
        assert logprobs == pytest.approx(expected, abs=0.02)
        [(continued, logprobs)] = asker.ask(PROMPT + TURN)
        assert continued.cached_tokens >= len(PROMPT) - 1
        assert logprobs == pytest.approx(expected_next, abs=0.02)
        [(stranger, _)] = asker.ask(PROMPT, user="bo")
        assert stranger.cached_tokens == 0


def test_what_went_to_ram_while_another_ran_is_continued(
    tiny_model: Callable[[str], Path],
) -> None:
    other = PROMPT[:60] + TURN[1:]
    with asking(tiny_model("llama")) as fresh:
        [(_, expected)] = fresh.ask(other)
    with asking(tiny_model("llama")) as asker:
        asker.ask(PROMPT)
        asker.ask(TURN * 3, user="bo")
        assert asker.snapshots.num_bytes > 0
        [(cut, logprobs)] = asker.ask(other)
        assert cut.cached_tokens == 60
        assert logprobs == pytest.approx(expected, abs=0.02)
        [(again, logprobs)] = asker.ask(other)
        assert again.cached_tokens == len(other) - 1
        assert logprobs == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_several_at_once_on_one_prefix(tiny_model: Callable[[str], Path], kind: str) -> None:
    prompts = [PROMPT + [3 + user] * 5 for user in range(3)]
    expected = []
    for prompt in prompts:
        with asking(tiny_model(kind)) as fresh:
            expected += fresh.ask(prompt)
    with asking(tiny_model(kind)) as asker:
        together = asker.ask(*prompts)
    for (_, logprobs), (_, wanted) in zip(together, expected, strict=True):
        assert logprobs == pytest.approx(wanted, abs=0.02)
    if kind == "llama":
        num_cached = sorted(end.cached_tokens for end, _ in together)
        assert num_cached[0] == 0
        assert num_cached[1] >= len(PROMPT) - 32
