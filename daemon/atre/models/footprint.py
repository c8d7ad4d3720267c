# SPDX-License-Identifier: Apache-2.0
"""Memory that a model takes once loaded, computed from its header alone."""

import math

from atre.engine_plan import KvType, count_sequences
from atre.models.cache_layout import CacheLayout
from atre.models.gguf_header import GgufHeader

CELL_PADDING = 256  # llama.cpp rounds the cells of a cache up to this (llama-context.cpp)
# Bytes of one cached number; q8_0 stores 32 of them in 34 bytes (ggml-common.h, block_q8_0).
_NUMBER_BYTES: dict[KvType, float] = {"f16": 2.0, "q8_0": 34 / 32}
_FLOAT_BYTES = 4
_MASK_BYTES = 2  # the mask of flash attention is f16
_INDEX_BYTES = 8
# A question and half of its answer: what is remembered on average while the devices race.
SHORT_CONTEXT_TOKENS = 512
# Activations alive at once, in rows of n_embd floats: input, gate, up and product of a feed-forward
# four times as wide.
_LIVE_ACTIVATION_ROWS = 16


def kv_cell_bytes(header: GgufHeader, kv_type: KvType) -> int:
    """One cached token over all layers, as long as the windowed ones see it."""
    layers = header.cache.layers
    numbers = sum(layer.key_numbers + layer.value_numbers for layer in layers)
    return math.ceil(numbers * _NUMBER_BYTES[kv_type])


def token_bytes(header: GgufHeader, kv_type: KvType, context_tokens: int) -> int:
    """What writing one token reads, with ``context_tokens`` of conversation before it.

    The weights without the input embedding, of which one row is read, unless it is also the output;
    of a mixture, its chosen experts. Then the cached keys and values, and recurrent states.
    """
    weights = header.weights_bytes - header.input_bytes + header.tied_bytes
    if header.is_mixture:
        used = header.n_expert_used / header.n_expert
        weights -= math.floor(header.expert_bytes * (1 - used))
    cache = header.cache
    numbers = states = 0
    for layer in cache.layers:
        cells = min(context_tokens, cache.window_tokens) if layer.is_windowed else context_tokens
        numbers += cells * (layer.key_numbers + layer.value_numbers)
        states += layer.state_numbers
    return weights + math.ceil(numbers * _NUMBER_BYTES[kv_type]) + states * _FLOAT_BYTES


def layer_bytes(header: GgufHeader, kv_type: KvType, n_ctx: int) -> int:
    """One block and all that it may remember: what is copied to a GPU that has no layer of it."""
    numbers = max(layer.key_numbers + layer.value_numbers for layer in header.cache.layers)
    return math.ceil(header.block_bytes / header.n_layer + n_ctx * numbers * _NUMBER_BYTES[kv_type])


def cache_bytes(
    header: GgufHeader,
    kv_type: KvType,
    *,
    n_ctx: int,
    n_ubatch: int,
    num_slots: int,
    flash_attention: bool,
) -> int:
    """What llama.cpp allocates to remember: cells of every layer, and recurrent states.

    Sources: llama-kv-cache-iswa.cpp (cells of a window), llama-kv-cache.cpp (values are padded to
    the widest layer without flash attention), llama-memory-recurrent.cpp (states are f32).
    """
    cache = header.cache
    num_sequences = count_sequences(num_slots, has_plain_memory=cache.is_plain)
    window_cells = _window_cells(cache, n_ctx, n_ubatch, num_sequences)
    widest = max(layer.value_numbers for layer in cache.layers)
    numbers = 0
    for layer in cache.layers:
        value_numbers = layer.value_numbers
        if value_numbers and not flash_attention:
            value_numbers = widest
        cells = window_cells if layer.is_windowed else n_ctx
        numbers += cells * (layer.key_numbers + value_numbers)
    states = num_sequences * sum(layer.state_numbers for layer in cache.layers)
    return math.ceil(numbers * _NUMBER_BYTES[kv_type]) + states * _FLOAT_BYTES


def buffer_bytes(
    header: GgufHeader, *, n_ctx: int, n_ubatch: int, num_slots: int, flash_attention: bool
) -> int:
    """Estimate, from above, of llama.cpp's compute and output buffers.

    The parts of one micro-batch are added up although llama.cpp lets some of them share memory.
    """
    cache = header.cache
    num_sequences = count_sequences(num_slots, has_plain_memory=cache.is_plain)
    logits = (n_ubatch + num_sequences) * (header.n_vocab or 0) * _FLOAT_BYTES
    activations = n_ubatch * _LIVE_ACTIVATION_ROWS * header.n_embd * _FLOAT_BYTES
    # Windowed layers have a mask of their own; where none attends to tokens, there is no mask.
    masked_cells = n_ctx if any(layer.key_numbers for layer in cache.layers) else 0
    if cache.window_tokens:
        masked_cells += _window_cells(cache, n_ctx, n_ubatch, num_sequences)
    if flash_attention:
        return logits + activations + n_ubatch * masked_cells * _MASK_BYTES
    # Scores of every head, a mask of the same type, and where each value goes, one by one.
    scores = n_ubatch * n_ctx * max(header.n_head) * _FLOAT_BYTES
    mask = n_ubatch * masked_cells * _FLOAT_BYTES
    places = n_ubatch * 2 * max(layer.value_numbers for layer in cache.layers) * _INDEX_BYTES
    return logits + activations + scores + mask + places


def _window_cells(cache: CacheLayout, n_ctx: int, n_ubatch: int, num_sequences: int) -> int:
    cells = min(n_ctx, cache.window_tokens * num_sequences + n_ubatch)
    return -(-cells // CELL_PADDING) * CELL_PADDING
