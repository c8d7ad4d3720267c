# SPDX-License-Identifier: Apache-2.0
"""A model with the factory model's vocabulary and random weights: fluent in nothing, but slow.

It is large enough that a long prompt or a long answer takes seconds, so that a test can act in the
middle of it, and its window is long enough for both.
"""

from pathlib import Path
from typing import Any

import gguf
import numpy as np

WINDOW = 8192
_EMBEDDING, _FEED_FORWARD, _BLOCKS, _HEADS = 512, 1536, 8, 8
_WEIGHT_DEVIATION = 0.02  # small enough that no activation overflows half precision
_COPIED = ("general.", "tokenizer.")


def write_slow_model(
    path: Path, factory: Path, *, epsilon: float = 1e-5, tensors_a_part: int = 0
) -> None:
    """Write the model to ``path``, with the tokenizer and chat template of ``factory``.

    A negative ``epsilon`` passes every check of a model's header, and then llama.cpp aborts. With
    ``tensors_a_part`` the model is split, and ``path`` is what the names of its parts begin with.
    """
    source = gguf.GGUFReader(factory)
    writer = gguf.GGUFWriter(
        None if tensors_a_part else path, "llama", split_max_tensors=tensors_a_part
    )
    _copy_metadata(source, writer)
    writer.add_context_length(WINDOW)
    writer.add_embedding_length(_EMBEDDING)
    writer.add_block_count(_BLOCKS)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_EMBEDDING // _HEADS)
    writer.add_layer_norm_rms_eps(epsilon)
    num_tokens = len(source.fields["tokenizer.ggml.tokens"].contents())
    writer.add_vocab_size(num_tokens)
    random = np.random.default_rng(seed=1)
    for name, shape in _tensors(num_tokens):
        if len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, np.float32))
        else:
            weights = random.standard_normal(shape, np.float32) * _WEIGHT_DEVIATION
            writer.add_tensor(name, weights.astype(np.float16))
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy_metadata(source: Any, writer: Any) -> None:
    for key, field in source.fields.items():
        if not key.startswith(_COPIED) or key == "general.architecture":
            continue
        element = field.types[1] if len(field.types) > 1 else None
        writer.add_key_value(key, field.contents(), field.types[0], sub_type=element)


def _tensors(num_tokens: int) -> list[tuple[str, tuple[int, ...]]]:
    square = (_EMBEDDING, _EMBEDDING)
    tensors: list[tuple[str, tuple[int, ...]]] = [
        ("token_embd.weight", (num_tokens, _EMBEDDING)),
        ("output_norm.weight", (_EMBEDDING,)),
    ]
    for block in range(_BLOCKS):
        tensors += [
            (f"blk.{block}.attn_norm.weight", (_EMBEDDING,)),
            (f"blk.{block}.attn_q.weight", square),
            (f"blk.{block}.attn_k.weight", square),
            (f"blk.{block}.attn_v.weight", square),
            (f"blk.{block}.attn_output.weight", square),
            (f"blk.{block}.ffn_norm.weight", (_EMBEDDING,)),
            (f"blk.{block}.ffn_gate.weight", (_FEED_FORWARD, _EMBEDDING)),
            (f"blk.{block}.ffn_up.weight", (_FEED_FORWARD, _EMBEDDING)),
            (f"blk.{block}.ffn_down.weight", (_EMBEDDING, _FEED_FORWARD)),
        ]
    return tensors
