# SPDX-License-Identifier: Apache-2.0
"""Tiny models with random weights, one of each kind of memory that llama.cpp has."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter, PoolingType, TokenType

NUM_TOKENS = 64
EMBEDDING = 32
HEADS = 4
FEED_FORWARD = 64
LAYERS = 4
WINDOW = 16

Shape = tuple[int, ...]


def _llama(writer: GGUFWriter) -> dict[str, Shape]:
    _attention(writer)
    writer.add_rope_dimension_count(EMBEDDING // HEADS)
    return {
        **_ends("output_norm"),
        **_each_layer(lambda _: _ATTENTION | _FEED_FORWARD),
    }


def _gemma2(writer: GGUFWriter) -> dict[str, Shape]:
    """Every second layer sees a sliding window only."""
    _attention(writer)
    writer.add_key_length(EMBEDDING // HEADS)
    writer.add_value_length(EMBEDDING // HEADS)
    writer.add_sliding_window(WINDOW)
    norms = {"post_attention_norm.weight": (EMBEDDING,), "post_ffw_norm.weight": (EMBEDDING,)}
    return {
        **_ends("output_norm"),
        **_each_layer(lambda _: _ATTENTION | _FEED_FORWARD | norms),
    }


def _mamba(writer: GGUFWriter) -> dict[str, Shape]:
    """A recurrent state and nothing else."""
    inner, state, rank, kernel = 2 * EMBEDDING, 8, 4, 4
    writer.add_head_count(0)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    layer = {
        "attn_norm.weight": (EMBEDDING,),
        "ssm_in.weight": (2 * inner, EMBEDDING),
        "ssm_conv1d.weight": (inner, kernel),
        "ssm_conv1d.bias": (inner,),
        "ssm_x.weight": (rank + 2 * state, inner),
        "ssm_dt.weight": (inner, rank),
        "ssm_dt.bias": (inner,),
        "ssm_a": (inner, state),
        "ssm_d": (inner,),
        "ssm_out.weight": (EMBEDDING, inner),
    }
    return {**_ends("output_norm"), **_each_layer(lambda _: layer)}


def _lfm2(writer: GGUFWriter) -> dict[str, Shape]:
    """Short convolutions, whose state is recurrent, and attention in turn."""
    _attention(writer, heads_kv=[HEADS if layer % 2 else 0 for layer in range(LAYERS)])
    writer.add_shortconv_l_cache(3)
    norm = (EMBEDDING // HEADS,)
    attention = _ATTENTION | {"attn_q_norm.weight": norm, "attn_k_norm.weight": norm}
    convolution = {
        "attn_norm.weight": (EMBEDDING,),
        "shortconv.conv.weight": (EMBEDDING, 3),
        "shortconv.in_proj.weight": (3 * EMBEDDING, EMBEDDING),
        "shortconv.out_proj.weight": (EMBEDDING, EMBEDDING),
    }
    return {
        **_ends("token_embd_norm"),
        **_each_layer(lambda n: (attention if n % 2 else convolution) | _FEED_FORWARD),
    }


_ATTENTION: dict[str, Shape] = {
    "attn_norm.weight": (EMBEDDING,),
    "attn_q.weight": (EMBEDDING, EMBEDDING),
    "attn_k.weight": (EMBEDDING, EMBEDDING),
    "attn_v.weight": (EMBEDDING, EMBEDDING),
    "attn_output.weight": (EMBEDDING, EMBEDDING),
}
_FEED_FORWARD: dict[str, Shape] = {
    "ffn_norm.weight": (EMBEDDING,),
    "ffn_gate.weight": (FEED_FORWARD, EMBEDDING),
    "ffn_up.weight": (FEED_FORWARD, EMBEDDING),
    "ffn_down.weight": (EMBEDDING, FEED_FORWARD),
}
_KINDS: dict[str, Callable[[GGUFWriter], dict[str, Shape]]] = {
    "llama": _llama,
    "gemma2": _gemma2,
    "mamba": _mamba,
    "lfm2": _lfm2,
}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make, once, the tiny model of an architecture: llama, gemma2, mamba or lfm2.

    With ``pooling`` it is an embedding model.
    """
    directory = tmp_path_factory.mktemp("tiny")

    def make(architecture: str, pooling: PoolingType | None = None, *, window: int = 512) -> Path:
        path = directory / f"{architecture}-{pooling}-{window}.gguf"
        if not path.exists():
            _write(path, architecture, pooling, window)
        return path

    return make


def _write(path: Path, architecture: str, pooling: PoolingType | None, window: int) -> None:
    writer = GGUFWriter(path, architecture)
    if pooling is not None:
        writer.add_pooling_type(pooling)
    writer.add_name(f"tiny {architecture}")
    writer.add_context_length(window)
    writer.add_embedding_length(EMBEDDING)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(NUM_TOKENS)
    writer.add_tokenizer_model("llama")
    tokens = [b"<unk>", b"<s>", b"</s>", *(b"t%d" % n for n in range(3, NUM_TOKENS))]
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * NUM_TOKENS)
    control = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL]
    writer.add_token_types([*control, *[TokenType.NORMAL] * (NUM_TOKENS - 3)])
    rng = np.random.default_rng(7)
    for name, shape in _KINDS[architecture](writer).items():
        writer.add_tensor(name, _weights(rng, name, shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _weights(rng: np.random.Generator, name: str, shape: Shape) -> np.ndarray:
    if "norm" in name:
        return np.ones(shape, np.float32)
    if name.endswith("ssm_a"):
        return -np.exp(rng.normal(size=shape)).astype(np.float32)  # a stable system
    return rng.normal(scale=0.3, size=shape).astype(np.float32)


def _attention(writer: GGUFWriter, heads_kv: list[int] | None = None) -> None:
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(heads_kv or HEADS)


def _ends(norm: str) -> dict[str, Shape]:
    return {"token_embd.weight": (NUM_TOKENS, EMBEDDING), f"{norm}.weight": (EMBEDDING,)}


def _each_layer(tensors: Callable[[int], dict[str, Shape]]) -> dict[str, Shape]:
    return {
        f"blk.{layer}.{name}": shape
        for layer in range(LAYERS)
        for name, shape in tensors(layer).items()
    }
