# SPDX-License-Identifier: Apache-2.0
"""What each layer of a model remembers of a conversation, read from its GGUF metadata.

Source: llama.cpp's src/llama-hparams.cpp, src/llama-kv-cache-iswa.cpp and the hyperparameters of
each architecture in src/models. What is not known counts in full, so that nothing is too small.
"""

from collections.abc import Mapping

import msgspec

from atre.models.gguf_stream import Value

_MAX_WIDTH = 2**24  # far above any published model; a damaged number counts as absent
# Of so many layers one sees everything, the first of them or the last; the others see a window.
# Architectures whose window llama.cpp ignores or replaces (phi3, llama4) are left out.
_LAST_SEES_ALL = {
    "afmoe": 4,
    "cohere2": 4,
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "mellum": 4,
    "olmo2": 4,
    "plamo3": 8,
}
_FIRST_SEES_ALL = {"laguna": 4}
_LISTS_LAYERS = frozenset({"gemma4"})  # its files name every layer, and there is no default
_DEFAULT_WINDOW = {"gemma2": 4096}
_DEFAULT_FIRST_SHARED = {"gemma3n": 20}  # fixed in llama.cpp, not a key of the file
_INTERVAL_ARCHITECTURES = frozenset({"qwen3next", "qwen35", "qwen35moe"})
_DEFAULT_INTERVAL = 4


class LayerCache(msgspec.Struct, frozen=True, kw_only=True):
    """What one layer keeps: numbers for each token, and for each sequence whatever its length.

    ``is_windowed`` layers forget tokens that left the window.
    """

    key_numbers: int = 0
    value_numbers: int = 0
    state_numbers: int = 0
    is_windowed: bool = False


class CacheLayout(msgspec.Struct, frozen=True, kw_only=True):
    """All layers of a model, and the tokens that windowed ones see."""

    layers: tuple[LayerCache, ...]
    window_tokens: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether every layer keeps every token, and nothing else."""
        return not any(layer.is_windowed or layer.state_numbers for layer in self.layers)


def read_cache_layout(
    metadata: Mapping[str, Value],
    architecture: str,
    *,
    n_embd: int,
    n_head: tuple[int, ...],
    n_head_kv: tuple[int, ...],
) -> CacheLayout:
    """The layout for head counts of each layer; never raises, whatever ``metadata`` holds."""
    keys = _Keys(metadata, architecture)
    n_layer = len(n_head_kv)
    head_width = n_embd // max(n_head) if max(n_head) else 0
    key = keys.number("attention.key_length") or head_width
    value = keys.number("attention.value_length") or head_width
    window_key = keys.number("attention.key_length_swa") or key
    window_value = keys.number("attention.value_length_swa") or value
    window = _window_tokens(keys)
    windowed = _windowed(keys, n_layer) if window else (False,) * n_layer
    state = _state_numbers(keys, n_embd, n_head)
    recurrent, attending = _recurrent(keys, n_head_kv) if state else ((), range(n_layer))
    first_shared = _first_shared(keys, n_layer)
    layers: list[LayerCache] = []
    for layer, heads in enumerate(n_head_kv):
        own = heads if layer in attending and layer < first_shared else 0
        layers.append(
            LayerCache(
                key_numbers=own * (window_key if windowed[layer] else key),
                value_numbers=own * (window_value if windowed[layer] else value),
                state_numbers=state if layer in recurrent else 0,
                is_windowed=windowed[layer],
            )
        )
    return CacheLayout(layers=tuple(layers), window_tokens=window if any(windowed) else 0)


class _Keys:
    """The metadata of one architecture."""

    def __init__(self, metadata: Mapping[str, Value], architecture: str) -> None:
        self._metadata = metadata
        self.architecture = architecture

    def number(self, key: str) -> int | None:
        value = self._metadata.get(f"{self.architecture}.{key}")
        return value if isinstance(value, int) and 1 <= value <= _MAX_WIDTH else None

    def flags(self, key: str, n_layer: int) -> tuple[bool, ...] | None:
        """One yes or no for each layer."""
        value = self._metadata.get(f"{self.architecture}.{key}")
        if not isinstance(value, tuple) or len(value) != n_layer:
            return None
        return tuple(bool(flag) for flag in value)


def _window_tokens(keys: _Keys) -> int:
    default = _DEFAULT_WINDOW.get(keys.architecture, 0)
    return keys.number("attention.sliding_window") or default


def _windowed(keys: _Keys, n_layer: int) -> tuple[bool, ...]:
    pattern = "attention.sliding_window_pattern"
    last, first = _LAST_SEES_ALL.get(keys.architecture), _FIRST_SEES_ALL.get(keys.architecture)
    listed = keys.flags(pattern, n_layer)
    if listed and (last or first or keys.architecture in _LISTS_LAYERS):
        return listed
    if last:
        period = keys.number(pattern) or last
        return tuple(layer % period < period - 1 for layer in range(n_layer))
    if first:
        period = keys.number(pattern) or first
        return tuple(layer % period != 0 for layer in range(n_layer))
    return (False,) * n_layer


def _first_shared(keys: _Keys, n_layer: int) -> int:
    """The first of the layers that read the cells of earlier ones and keep none."""
    if keys.architecture in _DEFAULT_FIRST_SHARED:
        return _DEFAULT_FIRST_SHARED[keys.architecture]
    if keys.architecture in _LISTS_LAYERS:
        return n_layer - (keys.number("attention.shared_kv_layers") or 0)
    return n_layer


def _state_numbers(keys: _Keys, n_embd: int, n_head: tuple[int, ...]) -> int:
    """A recurrent layer's state of one sequence: n_embd_r and n_embd_s of llama-hparams.cpp."""
    kernel = keys.number("ssm.conv_kernel") or 0
    if head_size := keys.number("wkv.head_size"):
        return n_embd * ((keys.number("token_shift_count") or 2) + head_size)
    if length := keys.number("shortconv.l_cache"):
        return n_embd * (length - 1)
    if width := keys.number("kda.head_dim"):
        heads = max(n_head)
        return heads * width * (3 * ((kernel or 4) - 1) + width)
    inner, size = keys.number("ssm.inner_size") or 0, keys.number("ssm.state_size") or 0
    groups = keys.number("ssm.group_count") or 0
    return max(kernel - 1, 0) * (inner + 2 * groups * size) + size * inner


def _recurrent(
    keys: _Keys, n_head_kv: tuple[int, ...]
) -> tuple[range | set[int], range | set[int]]:
    """The layers that keep a state, and those that keep tokens; some architectures do both."""
    every = range(len(n_head_kv))
    listed = keys.flags("attention.recurrent_layers", len(n_head_kv))
    if listed:
        recurrent = {layer for layer in every if listed[layer]}
        return recurrent, set(every) - recurrent
    if keys.architecture in _INTERVAL_ARCHITECTURES:
        interval = keys.number("full_attention_interval") or _DEFAULT_INTERVAL
        recurrent = {layer for layer in every if (layer + 1) % interval}
        return recurrent, set(every) - recurrent
    without_heads = {layer for layer in every if not n_head_kv[layer]}
    return without_heads or every, every
