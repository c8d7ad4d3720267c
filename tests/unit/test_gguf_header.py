# SPDX-License-Identifier: Apache-2.0
import os
import random
import struct
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter

from atre.errors import ModelLoadError
from atre.models.cache_layout import LayerCache
from atre.models.footprint import buffer_bytes, kv_cell_bytes
from atre.models.gguf_header import read_header

_N_EMBD = 64
_N_LAYER = 3
_N_VOCAB = 300


def write_model(path: Path, *, kv_heads: int | list[int] = 2, type_: str = "model") -> Path:
    """A GGUF with every kind of metadata value and random Q8_0 and F32 weights."""
    writer = GGUFWriter(path, "llama")
    writer.add_type(type_)
    writer.add_name("Essai")
    writer.add_license("apache-2.0")
    writer.add_context_length(1024)
    writer.add_block_count(_N_LAYER)
    writer.add_embedding_length(_N_EMBD)
    writer.add_head_count(4)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_file_type(7)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"token{i}" for i in range(_N_VOCAB)])
    writer.add_token_scores([0.5] * _N_VOCAB)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{% for message in messages %}{{ message.content }}{% endfor %}")
    writer.add_tensor("token_embd.weight", np.zeros((_N_VOCAB, _N_EMBD), dtype=np.float32))
    for layer in range(_N_LAYER):
        writer.add_tensor(
            f"blk.{layer}.ffn_up.weight",
            np.zeros((_N_EMBD, _N_EMBD // 32 * 34), dtype=np.uint8),
            raw_dtype=GGMLQuantizationType.Q8_0,
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.gguf")


def test_reads_the_facts_of_a_model(model: Path) -> None:
    header = read_header(model)
    assert header.architecture == "llama"
    assert header.name == "Essai"
    assert header.licence == "apache-2.0"
    assert header.n_ctx_train == 1024
    assert (header.n_layer, header.n_embd, header.n_vocab) == (_N_LAYER, _N_EMBD, _N_VOCAB)
    assert header.n_head == (4, 4, 4)
    assert header.n_head_kv == (2, 2, 2)
    assert header.cache.layers == (LayerCache(key_numbers=32, value_numbers=32),) * 3
    assert header.parameters == _N_VOCAB * _N_EMBD + _N_LAYER * _N_EMBD * _N_EMBD
    assert header.block_bytes == _N_LAYER * _N_EMBD * _N_EMBD // 32 * 34
    assert header.weights_bytes == header.block_bytes + _N_VOCAB * _N_EMBD * 4
    assert header.input_bytes == header.tied_bytes == _N_VOCAB * _N_EMBD * 4
    assert header.file_type == "Q8_0"
    assert header.tokenizer == "gpt2"
    assert header.has_chat_template
    assert header.file_bytes == model.stat().st_size


def test_per_layer_head_counts_decide_the_size_of_a_cell(tmp_path: Path) -> None:
    header = read_header(write_model(tmp_path / "mixed.gguf", kv_heads=[1, 0, 4]))
    assert header.n_head_kv == (1, 0, 4)
    assert kv_cell_bytes(header, "f16") == 5 * (16 + 16) * 2
    assert kv_cell_bytes(header, "q8_0") == 5 * (16 + 16) * 34 // 32


@pytest.mark.parametrize(
    ("n_vocab", "n_embd", "n_ctx", "n_ubatch", "num_slots", "measured_mib"),
    [
        # Compute + output buffer that llama.cpp logs for Q8_0 models of these shapes, on a CPU.
        (128_256, 2048, 16_384, 256, 16, 129.25 + 7.83),
        (128_256, 2048, 32_768, 512, 32, 258.50 + 15.66),
        (32_000, 1024, 16_384, 512, 16, 66.50 + 1.95),
        (32_000, 4096, 32_768, 512, 32, 148.01 + 3.91),
        (4096, 256, 16_384, 256, 16, 11.26 + 0.25),
    ],
)
def test_the_estimate_of_buffers_is_never_below_what_llama_cpp_takes(
    model: Path,
    n_vocab: int,
    n_embd: int,
    n_ctx: int,
    n_ubatch: int,
    num_slots: int,
    measured_mib: float,
) -> None:
    header = msgspec.structs.replace(read_header(model), n_vocab=n_vocab, n_embd=n_embd)
    estimate_mib = (
        buffer_bytes(
            header, n_ctx=n_ctx, n_ubatch=n_ubatch, num_slots=num_slots, flash_attention=True
        )
        / 2**20
    )
    assert measured_mib <= estimate_mib <= 2 * measured_mib


def test_without_flash_attention_the_scores_of_every_head_are_counted(model: Path) -> None:
    header = read_header(model)
    with_flash, without = (
        buffer_bytes(header, n_ctx=4096, n_ubatch=64, num_slots=1, flash_attention=flash)
        for flash in (True, False)
    )
    scores, mask, places = 4 * 64 * 4096 * 4, 64 * 4096 * (4 - 2), 64 * 2 * 32 * 8
    assert without - with_flash == scores + mask + places


def test_a_missing_file_says_to_check_the_path(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="Check the path"):
        read_header(tmp_path / "none.gguf")


def test_a_path_with_a_nul_byte_is_refused() -> None:
    with pytest.raises(ModelLoadError, match="Check the path"):
        read_header(Path("a\0b"))


def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelLoadError, match="not a regular file"):
        read_header(tmp_path / "pipe.gguf")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="not a regular file"):
        read_header(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"G", "not a GGUF model"),
        (b"PK\x03\x04" + bytes(64), "not a GGUF model"),
        (b"GGUF", "damaged"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 1), "tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40), "metadata"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**62), "does not fit"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "no weights"),
        (b"GGUF" + struct.pack("<IQQQ4sI", 3, 1, 0, 4, b"name", 5) + bytes(99), "5 dimensions"),
        (b"GGUF" + struct.pack("<IQQQ4sIQI", 3, 1, 0, 4, b"name", 1, 8, 999), "not a tensor type"),
        (b"GGUF" + struct.pack("<IQQQ4sI", 3, 0, 1, 4, b"name", 99), "not a GGUF value type"),
    ],
)
def test_what_is_no_model_is_refused_with_a_reason(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelLoadError, match=message):
        read_header(path)


def test_a_truncated_model_says_how_much_is_missing(model: Path) -> None:
    os.truncate(model, model.stat().st_size - 100)
    with pytest.raises(ModelLoadError, match="cut short"):
        read_header(model)


def test_one_part_of_a_split_model_alone_says_what_is_missing(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "part.gguf", "llama")
    writer.add_uint16("split.count", 3)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelLoadError, match="one of 3 parts"):
        read_header(tmp_path / "part.gguf")


def mutations(content: bytes, count: int) -> Iterator[bytes]:
    """Headers with flipped bits, planted extreme numbers, cuts and repeated slices."""
    chance = random.Random(20261121)
    extremes = (0, 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)
    for _ in range(count):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            position = chance.randrange(len(changed))
            kind = chance.randrange(4)
            if kind == 0:
                changed[position] ^= 1 << chance.randrange(8)
            elif kind == 1:
                changed[position : position + 8] = struct.pack("<Q", chance.choice(extremes))
            elif kind == 2:
                del changed[chance.randrange(1, len(changed)) :]
            else:
                changed[position:position] = changed[:position][-64:]
        yield bytes(changed)


def test_mutated_headers_give_a_header_or_a_model_load_error(tmp_path: Path, model: Path) -> None:
    content = model.read_bytes()
    header_bytes = content.index(b"blk.2.ffn_up.weight") + 64
    path = tmp_path / "mutated.gguf"
    refused = 0
    tracemalloc.start()
    try:
        for changed in mutations(content[:header_bytes], 1000):
            path.write_bytes(changed + content[header_bytes:])
            try:
                read_header(path)
            except ModelLoadError:
                refused += 1
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 500 < refused < 1000
    assert peak_bytes < 16 * 2**20


def test_a_long_header_of_empty_strings_is_read_in_bounded_memory(tmp_path: Path) -> None:
    count = 200_000
    text = b"tokenizer.ggml.tokens"
    pair = struct.pack("<Q", len(text)) + text + struct.pack("<IIQ", 9, 8, count)
    path = tmp_path / "long.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + pair + bytes(8 * count))
    tracemalloc.start()
    try:
        with pytest.raises(ModelLoadError, match="no weights"):
            read_header(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2**20
