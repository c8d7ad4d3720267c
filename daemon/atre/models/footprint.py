# SPDX-License-Identifier: Apache-2.0
"""Memory that a model takes once loaded, computed from its header alone."""

import math

from atre.engine_plan import KvType
from atre.models.gguf_header import GgufHeader

# Bytes of one cached number; q8_0 stores 32 of them in 34 bytes (ggml-common.h, block_q8_0).
_NUMBER_BYTES: dict[KvType, float] = {"f16": 2.0, "q8_0": 34 / 32}
_FLOAT_BYTES = 4
_MASK_BYTES = 2  # the attention mask is f16
# Activations alive at once, in rows of n_embd floats: input, gate, up and product of a feed-forward
# four times as wide.
_LIVE_ACTIVATION_ROWS = 16


def kv_cell_bytes(header: GgufHeader, kv_type: KvType) -> int:
    """One cached token over all layers; sliding-window layers count as full ones."""
    per_head = header.key_length + header.value_length
    return math.ceil(sum(header.n_head_kv) * per_head * _NUMBER_BYTES[kv_type])


def buffer_bytes(
    header: GgufHeader, *, n_ctx: int, n_ubatch: int, num_slots: int, flash_attention: bool
) -> int:
    """Estimate, from above, of llama.cpp's compute and output buffers.

    The parts of one micro-batch are added up although llama.cpp lets some of them share memory.
    """
    logits = (n_ubatch + num_slots) * (header.n_vocab or 0) * _FLOAT_BYTES
    activations = n_ubatch * _LIVE_ACTIVATION_ROWS * header.n_embd * _FLOAT_BYTES
    mask = n_ubatch * n_ctx * _MASK_BYTES
    scores = 0 if flash_attention else n_ubatch * n_ctx * max(header.n_head) * _FLOAT_BYTES
    return logits + activations + mask + scores
