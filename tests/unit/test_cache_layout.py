# SPDX-License-Identifier: Apache-2.0
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_fit import TINY

from atre.models.cache_layout import CacheLayout, LayerCache, read_cache_layout
from atre.models.footprint import cache_bytes, kv_cell_bytes
from atre.models.gguf_stream import Value

_FULL = LayerCache(key_numbers=32, value_numbers=32)
_WINDOWED = msgspec.structs.replace(_FULL, is_windowed=True)


def layout(
    architecture: str, n_layer: int, n_head_kv: tuple[int, ...] = (), /, **values: Value
) -> CacheLayout:
    """Of layers four heads wide, two of which are cached; ``__`` stands for a dot."""
    metadata = {f"{architecture}.{key.replace('__', '.')}": values[key] for key in values}
    heads_kv = n_head_kv or (2,) * n_layer
    heads = (4,) * n_layer
    return read_cache_layout(metadata, architecture, n_embd=64, n_head=heads, n_head_kv=heads_kv)


def windowed(found: CacheLayout) -> str:
    return "".join("w" if layer.is_windowed else "-" for layer in found.layers)


@pytest.mark.parametrize(
    ("architecture", "pattern"),
    [
        ("llama", "------------"),
        ("phi3", "------------"),  # llama.cpp ignores its window
        ("gemma2", "w-w-w-w-w-w-"),
        ("gemma3", "wwwww-wwwww-"),
        ("gemma3n", "wwww-wwww-ww"),
        ("gpt-oss", "w-w-w-w-w-w-"),
        ("olmo2", "www-www-www-"),
        ("laguna", "-www-www-www"),
    ],
)
def test_each_architecture_has_its_pattern_of_windows(architecture: str, pattern: str) -> None:
    found = layout(architecture, 12, attention__sliding_window=512)
    assert windowed(found) == pattern
    assert found.window_tokens == (512 if "w" in pattern else 0)


def test_a_file_may_name_another_period_or_every_layer() -> None:
    window = {"attention__sliding_window": 512}
    assert windowed(layout("gemma3", 4, attention__sliding_window_pattern=2, **window)) == "w-w-"
    flags = (True, True, False, True)
    assert (
        windowed(layout("gemma4", 4, attention__sliding_window_pattern=flags, **window)) == "ww-w"
    )
    assert windowed(layout("gemma3", 4)) == "----"
    assert layout("gemma2", 4).window_tokens == 4096


def test_shared_layers_keep_nothing_and_windowed_ones_may_be_narrower() -> None:
    found = layout(
        "gemma4",
        4,
        attention__sliding_window=512,
        attention__sliding_window_pattern=(True, False, True, False),
        attention__shared_kv_layers=2,
        attention__key_length=16,
        attention__value_length=16,
        attention__key_length_swa=8,
        attention__value_length_swa=4,
    )
    narrow = LayerCache(key_numbers=16, value_numbers=8, is_windowed=True)
    assert found.layers[:2] == (narrow, _FULL)
    assert not any(layer.key_numbers or layer.value_numbers for layer in found.layers[2:])
    assert sum(bool(layer.key_numbers) for layer in layout("gemma3n", 30).layers) == 20


def test_states_are_where_llama_cpp_has_them() -> None:
    ssm: dict[str, Value] = {
        "ssm__conv_kernel": 4,
        "ssm__inner_size": 128,
        "ssm__state_size": 8,
        "ssm__group_count": 2,
    }
    state = LayerCache(state_numbers=3 * (128 + 2 * 2 * 8) + 128 * 8)
    assert layout("mamba2", 2, (0, 0), **ssm).layers == (state, state)
    assert layout("jamba", 2, (0, 2), **ssm).layers == (state, _FULL)
    both = msgspec.structs.replace(_FULL, state_numbers=state.state_numbers)
    assert layout("falcon-h1", 2, **ssm).layers == (both, both)
    assert layout("qwen3next", 4, **ssm).layers == (state, state, state, _FULL)
    convolution = LayerCache(state_numbers=64 * 2)
    assert layout("lfm2", 2, (0, 2), shortconv__l_cache=3).layers == (convolution, _FULL)
    wkv = LayerCache(state_numbers=64 * (2 + 16))
    assert layout("rwkv7", 1, (0,), wkv__head_size=16).layers == (wkv,)
    delta = LayerCache(state_numbers=3 * 3 * 4 * 8 + 4 * 8 * 8)
    assert layout("kimi-linear", 2, (0, 2), kda__head_dim=8, ssm__conv_kernel=4).layers == (
        delta,
        _FULL,
    )


def test_a_window_takes_its_cells_for_each_sequence_and_one_micro_batch() -> None:
    layers = (_WINDOWED, _FULL)
    header = msgspec.structs.replace(TINY, cache=CacheLayout(layers=layers, window_tokens=1000))

    def taken(n_ctx: int) -> int:
        return cache_bytes(
            header, "f16", n_ctx=n_ctx, n_ubatch=100, num_slots=3, flash_attention=True
        )

    cell_bytes = 64 * 2
    assert taken(8192) == (8192 + 3328) * cell_bytes  # 3 × 1000 + 100, rounded up to 256
    assert taken(1024) == 2 * 1024 * cell_bytes  # never more than all of it
    assert kv_cell_bytes(header, "f16") == 2 * cell_bytes


def test_values_are_as_wide_as_the_widest_without_flash_attention() -> None:
    layers = (_FULL, msgspec.structs.replace(_FULL, value_numbers=64), LayerCache())
    header = msgspec.structs.replace(TINY, cache=CacheLayout(layers=layers))
    flash, without = (
        cache_bytes(header, "f16", n_ctx=256, n_ubatch=8, num_slots=1, flash_attention=flash)
        for flash in (True, False)
    )
    assert without - flash == 256 * 32 * 2


_VALUES = st.one_of(
    st.integers(-(2**63), 2**64), st.booleans(), st.just("x"),
    st.lists(st.integers(-1, 2), max_size=5).map(tuple),
)  # fmt: skip
_KEYS = (
    "attention.sliding_window", "attention.sliding_window_pattern", "attention.recurrent_layers",
    "attention.key_length", "attention.value_length_swa", "attention.shared_kv_layers",
    "ssm.conv_kernel", "ssm.state_size", "ssm.inner_size", "kda.head_dim", "shortconv.l_cache",
    "full_attention_interval", "wkv.head_size",
)  # fmt: skip


@given(
    architecture=st.sampled_from(["gemma2", "gemma4", "laguna", "qwen3next", "lfm2", "x"]),
    values=st.dictionaries(st.sampled_from(_KEYS), _VALUES),
    heads=st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple),
)
def test_whatever_a_damaged_file_says_gives_a_layout(
    architecture: str, values: dict[str, Value], heads: tuple[int, ...]
) -> None:
    metadata = {f"{architecture}.{key}": value for key, value in values.items()}
    found = read_cache_layout(metadata, architecture, n_embd=8, n_head=heads, n_head_kv=heads)
    assert len(found.layers) == len(heads)
    for layer in found.layers:
        assert min(layer.key_numbers, layer.value_numbers, layer.state_numbers) >= 0
