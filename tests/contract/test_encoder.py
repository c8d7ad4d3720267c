# SPDX-License-Identifier: Apache-2.0
"""The embedding models of llama.cpp: every kind of pooling, alone and among others."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from gguf import PoolingType

from atre.embedder.encoder import Row, Tokens
from atre.embedder.llama_encoder import LlamaEncoder
from atre.engine.llama.model import LlamaModel
from atre.errors import DecodeError, ModelLoadError

Paths = Callable[[str], Path]
ALIKE = 0.9999
PIECE = 512  # tokens that are computed at once
POOLINGS = {"mean": PoolingType.MEAN, "cls": PoolingType.CLS, "last": PoolingType.LAST}
KINDS = [f"{architecture}-{pooling}" for architecture in ("bert", "llama") for pooling in POOLINGS]


@pytest.fixture(scope="module")
def paths(
    tiny_model: Callable[..., Path],
    bert_model: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> Paths:
    directory = tmp_path_factory.mktemp("bert")

    def make(kind: str) -> Path:
        architecture, _, pooling = kind.partition("-")
        if architecture == "llama":
            return tiny_model("llama", POOLINGS[pooling])
        path: Path = directory / f"{kind}.gguf"
        if not path.exists():
            bert_model.write_bert(path, pooling=POOLINGS[pooling])
        return path

    return make


def load(path: Path) -> LlamaModel:
    return LlamaModel(path, n_gpu_layers=0, on_progress=lambda _fraction: None)


@pytest.fixture(scope="module", params=KINDS)
def encoder(request: pytest.FixtureRequest, paths: Paths) -> Iterator[LlamaEncoder]:
    model = load(paths(request.param))
    made = LlamaEncoder(model, threads=1)
    assert made.pooling == request.param.partition("-")[2]
    yield made
    made.close()
    model.close()


def some_inputs(count: int, seed: int, longest: int = 40) -> list[Tokens]:
    random = np.random.default_rng(seed)
    return [
        random.integers(5, 64, size=random.integers(1, longest), dtype=np.int32)
        for _ in range(count)
    ]


def likeness(one: Row, other: Row) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_an_input_gives_the_same_vector_alone_and_among_others(encoder: LlamaEncoder) -> None:
    inputs = some_inputs(12, seed=1)
    together = encoder.encode(inputs)
    assert together.shape == (12, encoder.dimensions)
    for tokens, row in zip(inputs, together, strict=True):
        (alone,) = encoder.encode([tokens])
        assert likeness(alone, row) > ALIKE
    assert likeness(together[0], together[1]) < ALIKE


def test_nothing_of_earlier_inputs_stays(encoder: LlamaEncoder) -> None:
    inputs = some_inputs(3, seed=2)
    before = encoder.encode(inputs)
    encoder.encode(some_inputs(20, seed=3, longest=20))
    assert np.allclose(before, encoder.encode(inputs), atol=1e-4)


def test_the_largest_step_and_the_longest_input_fit(encoder: LlamaEncoder) -> None:
    each = encoder.max_batch_tokens // encoder.max_batch_inputs
    full = [np.full(each, 7, np.int32)] * encoder.max_batch_inputs
    assert np.isfinite(encoder.encode(full)).all()
    longest = np.arange(encoder.max_input_tokens, dtype=np.int32) % 50 + 5
    (row,) = encoder.encode([longest])
    assert np.linalg.norm(row) > 0


def test_what_llama_cpp_refuses_is_an_error_and_harms_nothing(encoder: LlamaEncoder) -> None:
    inputs = some_inputs(2, seed=4)
    before = encoder.encode(inputs)
    with pytest.raises(DecodeError):
        encoder.encode([np.asarray([10**6], np.int32)])
    assert np.allclose(before, encoder.encode(inputs), atol=1e-4)


def test_pooling_takes_what_it_says(paths: Paths) -> None:
    """Under causal attention the first token sees nothing else, the last one everything."""
    one, other = (np.asarray([9, *rest], np.int32) for rest in ([10, 11, 12], [20, 21, 22]))
    rows = {}
    for pooling in POOLINGS:
        model = load(paths(f"llama-{pooling}"))
        encoder = LlamaEncoder(model, threads=1)
        rows[pooling] = encoder.encode([one, other, one[:1], one[:2], one[:3]])
        encoder.close()
        model.close()
    assert likeness(rows["cls"][0], rows["cls"][1]) > ALIKE
    assert likeness(rows["last"][0], rows["last"][1]) < ALIKE
    each_token = np.stack([*rows["last"][2:], rows["last"][0]])
    assert np.allclose(rows["mean"][0], each_token.mean(axis=0), atol=1e-3)


def test_a_long_input_read_in_pieces_gives_what_it_gives_whole(
    tiny_model: Callable[..., Path],
) -> None:
    tokens = np.random.default_rng(5).integers(5, 64, size=2 * PIECE + 100, dtype=np.int32)
    rows = {}
    for pooling in ("mean", "last"):
        model = load(tiny_model("llama", POOLINGS[pooling], window=4096))
        encoder = LlamaEncoder(model, threads=1)
        rows[pooling] = [encoder.encode([part])[0] for part in (tokens[:-1], tokens)]
        encoder.close()
        model.close()
    before, after = rows["mean"]
    last_of_whole = after * len(tokens) - before * (len(tokens) - 1)
    assert likeness(rows["last"][1], last_of_whole) > 0.999
    assert likeness(rows["last"][0], last_of_whole) < 0.999


@pytest.mark.parametrize(
    ("pooling", "reason"), [(None, "names no pooling"), (PoolingType.RANK, "ranks pairs")]
)
def test_a_model_without_vectors_is_refused_with_the_reason(
    tiny_model: Callable[..., Path], pooling: PoolingType | None, reason: str
) -> None:
    model = load(tiny_model("llama", pooling))
    with pytest.raises(ModelLoadError, match=reason) as refused:
        LlamaEncoder(model, threads=1)
    model.close()
    assert "--embedding-model" in str(refused.value)
