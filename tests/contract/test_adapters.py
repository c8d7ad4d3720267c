# SPDX-License-Identifier: Apache-2.0
"""A LoRA adapter through the runner: what llama.cpp makes of it is W + scale·α/r·B·A."""

import itertools
import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from gguf import GGUFReader

from atre.engine.kv_cache import Release, Share
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.sequence import Chunk, Sequence
from atre.engine.snapshots import Snapshots
from atre.engine_plan import Adapter, EnginePlan
from atre.errors import ModelLoadError
from atre.ipc.messages import Sampling
from atre.models.gguf_header import read_header
from atre.models.lora import read_adapter
from atre.plan.adapters import Found, with_room

_EMBEDDING = 32  # of the tiny models of this folder
_PROMPT = [3 + (7 * n) % 60 for n in range(40)]
_NUM_TOKENS = 8
_ADAPTED = "blk.0.attn_q.weight"

Answer = tuple[list[int], list[float]]
_ids = itertools.count(1)


@pytest.fixture(scope="module")
def base(tiny_model: Callable[[str], Path]) -> Path:
    return tiny_model("llama")


@pytest.fixture(scope="module")
def adapter(tiny_gguf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tiny_gguf.write_adapter(
        tmp_path_factory.mktemp("adapter") / "lettres.gguf", n_embd=_EMBEDDING
    )
    return path


def plan(path: Path, *adapters: Adapter) -> EnginePlan:
    return EnginePlan(
        model_path=str(path),
        n_ctx=512,
        max_sequence_tokens=256,
        num_slots=2,
        n_batch=64,
        n_ubatch=64,
        threads=1,
        threads_batch=1,
        cell_bytes=1,
        adapters=list(adapters),
    )


def answers(path: Path, *adapters: Adapter) -> list[Answer]:
    """Greedy tokens and the best log probabilities: read afresh, and gone on with in a new slot."""
    planned = plan(path, *adapters)
    model = LlamaModel(path, n_gpu_layers=0, on_progress=lambda _: None, adapters=planned.adapters)
    runner = LlamaRunner(model, planned, Snapshots(max_bytes=0))
    first = _generate(runner, 0, num_reused=0)
    runner.apply(Share(0, 1, 0, len(_PROMPT) - 1))
    again = _generate(runner, 1, num_reused=len(_PROMPT) - 1)
    runner.apply(Release(0))
    runner.close()
    model.close()
    return [first, again]


def _generate(runner: LlamaRunner, slot: int, *, num_reused: int) -> Answer:
    sequence = Sequence(
        id=next(_ids),
        tokens=list(_PROMPT),
        num_prompt=len(_PROMPT),
        max_tokens=_NUM_TOKENS,
        sampling=Sampling(temperature=0.0, logprobs=20),
        slot=slot,
        num_computed=num_reused,
    )
    values: list[float] = []
    while sequence.num_completion < _NUM_TOKENS:
        chunk = Chunk(sequence, sequence.num_uncomputed)
        [sampled] = runner.run([chunk])[sequence.id]
        sequence.num_computed += chunk.num_tokens
        sequence.tokens.append(sampled.token)
        assert sampled.logprob is not None
        values += [value for _, value in sampled.logprob.top]
    runner.forget(sequence)
    return sequence.tokens[sequence.num_prompt :], values


def merged(base: Path, adapter: Path, scale: float, alpha: float, target: Path) -> Path:
    """The base with the adapter's product added to its weights, by numpy alone."""
    shutil.copy(base, target)
    halves = {tensor.name: tensor.data for tensor in GGUFReader(adapter).tensors}
    a, b = halves[f"{_ADAPTED}.lora_a"], halves[f"{_ADAPTED}.lora_b"]
    reader = GGUFReader(target, "r+")
    [weights] = [tensor.data for tensor in reader.tensors if tensor.name == _ADAPTED]
    weights += np.float32(scale * alpha / len(a)) * (b @ a)
    reader.data.flush()
    return target


@pytest.mark.parametrize("scale", [1.0, 0.5, -0.25])
def test_an_adapted_model_answers_as_one_with_merged_weights(
    base: Path, adapter: Path, tiny_gguf: ModuleType, tmp_path: Path, scale: float
) -> None:
    target = merged(base, adapter, scale, tiny_gguf.ALPHA, tmp_path / "merged.gguf")
    [(wanted_tokens, wanted), _] = answers(target)
    for tokens, values in answers(base, Adapter(path=str(adapter), scale=scale)):
        assert tokens == wanted_tokens
        assert values == pytest.approx(wanted, abs=0.02)


def test_two_adapters_add_up(base: Path, adapter: Path) -> None:
    half = Adapter(path=str(adapter), scale=0.5)
    [(_, whole), _] = answers(base, Adapter(path=str(adapter)))
    [(_, halves), _] = answers(base, half, half)
    assert halves == pytest.approx(whole, abs=0.02)


def test_without_its_adapter_the_model_is_as_it_was(base: Path, adapter: Path) -> None:
    [(_, before), _] = answers(base)
    [(_, adapted), _] = answers(base, Adapter(path=str(adapter)))
    [(_, after), _] = answers(base)
    assert after == before
    assert adapted != pytest.approx(before, abs=0.1)


def test_an_adapter_that_llama_cpp_refuses_is_named(base: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no GGUF")
    with pytest.raises(ModelLoadError, match=r"adapter broken\.gguf cannot be loaded"):
        answers(base, Adapter(path=str(broken)))


def test_its_memory_is_planned(
    base: Path, tmp_path: Path, tiny_gguf: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """What llama.cpp says that it allocates for the file is in the plan, with room for a step."""
    large = tiny_gguf.write_adapter(tmp_path / "large.gguf", n_embd=_EMBEDDING, rank=2048)
    with caplog.at_level(logging.DEBUG, "llama.cpp"):
        answers(base, Adapter(path=str(large)))
    [size] = re.findall(r"LoRA buffer size = +([0-9.]+) MiB", caplog.text)
    num_bytes = read_adapter(large).memory_bytes(n_ubatch=64)
    step_bytes = 64 * 4 * (2048 + 2048 + 2 * _EMBEDDING)
    assert num_bytes == pytest.approx(float(size) * 2**20 + step_bytes, abs=0.01 * 2**20)
    header = read_header(base)
    room = with_room(header, Found(base, (), num_bytes))
    assert room.weights_bytes - header.weights_bytes == num_bytes
