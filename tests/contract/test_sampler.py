# SPDX-License-Identifier: Apache-2.0
"""The sampling parameters, on the real sampler chain and a real model's logits."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from atre.engine.kv_cache import Release
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.model_runner import Sampled
from atre.engine.sequence import Chunk, Sequence
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.ipc.messages import Sampling
from atre.plan.planning import factory_model_path

GREEDY = Sampling(temperature=0.0)
FREE = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)
_ids = itertools.count(1)


@dataclass
class Bench:
    model: LlamaModel
    runner: LlamaRunner

    def run(self, sampling: Sampling, count: int = 24) -> list[Sampled]:
        prompt = self.model.tokenize("Bonjour, qui es-tu ?", add_special=True)
        sequence = Sequence(
            id=next(_ids),
            tokens=list(prompt),
            num_prompt=len(prompt),
            max_tokens=count,
            sampling=sampling,
            slot=0,
        )
        outputs: list[Sampled] = []
        while len(outputs) < count:
            chunk = Chunk(sequence, sequence.num_uncomputed)
            [sampled] = self.runner.run([chunk])[sequence.id]
            sequence.num_computed = len(sequence.tokens)
            sequence.tokens.append(sampled.token)
            outputs.append(sampled)
        self.runner.apply(Release(0))
        self.runner.forget(sequence)
        return outputs

    def tokens(self, sampling: Sampling, count: int = 24) -> list[int]:
        return [sampled.token for sampled in self.run(sampling, count)]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    path = factory_model_path()
    model = LlamaModel(path, n_gpu_layers=0, on_progress=lambda _: None)
    plan = EnginePlan(
        model_path=str(path),
        n_ctx=512,
        max_sequence_tokens=512,
        num_slots=1,
        n_batch=128,
        n_ubatch=128,
        threads=1,
        threads_batch=1,
        cell_bytes=1,
    )
    runner = LlamaRunner(model, plan, Snapshots(max_bytes=0))
    yield Bench(model, runner)
    runner.close()
    model.close()


def test_greedy_is_repeatable_and_equals_top_k_1(bench: Bench) -> None:
    greedy = bench.tokens(GREEDY)
    assert bench.tokens(GREEDY) == greedy
    assert bench.tokens(replace(FREE, top_k=1, seed=7)) == greedy


@pytest.mark.parametrize("narrow", [{"top_p": 0.0}, {"min_p": 1.0}])
def test_the_narrowest_filters_leave_the_likeliest_token(
    bench: Bench, narrow: dict[str, float]
) -> None:
    assert bench.tokens(replace(FREE, seed=7, **narrow)) == bench.tokens(GREEDY)


def test_a_seed_repeats_and_another_one_differs(bench: Bench) -> None:
    hot = replace(FREE, temperature=2.0)
    first = bench.tokens(replace(hot, seed=1))
    assert bench.tokens(replace(hot, seed=1)) == first
    assert bench.tokens(replace(hot, seed=2)) != first
    assert bench.tokens(hot) != bench.tokens(hot), "no seed means a new one each time"


def test_logit_bias_forbids_and_forces(bench: Bench) -> None:
    favourite = bench.tokens(GREEDY, 1)[0]
    forbidden = replace(GREEDY, logit_bias={favourite: -100.0})
    assert favourite not in bench.tokens(forbidden)
    forced = replace(GREEDY, logit_bias={65: 100.0})
    assert set(bench.tokens(forced)) == {65}


@pytest.mark.parametrize(
    "penalty", [{"frequency_penalty": 2.0}, {"presence_penalty": 2.0}, {"repetition_penalty": 3.0}]
)
def test_penalties_make_answers_repeat_less(bench: Bench, penalty: dict[str, float]) -> None:
    plain = Counter(bench.tokens(GREEDY, 80))
    penalised = Counter(bench.tokens(replace(GREEDY, **penalty), 80))
    assert len(penalised) > len(plain)


def test_presence_penalty_ignores_the_prompt(bench: Bench) -> None:
    first = bench.tokens(GREEDY, 1)
    assert bench.tokens(replace(GREEDY, presence_penalty=2.0), 1) == first


def test_logprobs_describe_the_model_before_any_filter(bench: Bench) -> None:
    outputs = bench.run(replace(GREEDY, logprobs=5))
    for sampled in outputs:
        assert sampled.logprob is not None
        values = [logprob for _, logprob in sampled.logprob.top]
        assert len(values) == 5
        assert values == sorted(values, reverse=True)
        assert sampled.logprob.logprob == values[0], "greedy takes the likeliest"
        assert all(value <= 0.0 for value in values)
        assert sum(2.718281828**value for value in values) <= 1.0 + 1e-6
    filtered = bench.run(replace(GREEDY, logprobs=5, logit_bias={65: 100.0}), 1)[0]
    assert filtered.logprob is not None
    assert outputs[0].logprob is not None
    assert filtered.logprob.top == outputs[0].logprob.top


def test_logprobs_0_reports_the_token_alone(bench: Bench) -> None:
    sampled = bench.run(replace(GREEDY, logprobs=0), 1)[0]
    assert sampled.logprob is not None
    assert not sampled.logprob.top
