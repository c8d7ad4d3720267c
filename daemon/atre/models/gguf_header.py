# SPDX-License-Identifier: Apache-2.0
"""What a GGUF file says about itself, read without loading it. Source: ggml docs/gguf.md."""

import stat
from collections import Counter
from pathlib import Path

import msgspec
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType

from atre.errors import ModelLoadError
from atre.models.gguf_stream import CountedArray, GgufStream, Value

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)  # version 1 had 32-bit lengths and left use in 2023
_DEFAULT_ALIGNMENT = 32
# Far above any published model, low enough that a damaged count cannot cost seconds or gigabytes.
_MAX_PAIRS = 4096
_MAX_TENSORS = 65_536
_MAX_LAYERS = 1024
_MAX_WIDTH = 2**24
_MAX_DIMENSIONS = 4  # GGML_MAX_DIMS


class GgufHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of one model file. Per-layer head counts have ``n_layer`` items; None is unknown.

    ``weights_bytes`` is the sum of all tensors, ``block_bytes`` of those in repeated layers.
    """

    path: str
    file_bytes: int
    version: int
    architecture: str
    kind: str
    name: str | None
    licence: str | None
    n_ctx_train: int
    n_layer: int
    n_embd: int
    n_head: tuple[int, ...]
    n_head_kv: tuple[int, ...]
    key_length: int
    value_length: int
    n_vocab: int | None
    parameters: int
    weights_bytes: int
    block_bytes: int
    file_type: str | None
    tokenizer: str | None
    has_chat_template: bool


class _Tensors(msgspec.Struct, frozen=True, kw_only=True):
    parameters: int
    weights_bytes: int
    block_bytes: int
    end_offset: int
    main_type: str | None


def read_header(path: Path) -> GgufHeader:
    """Read the metadata of the GGUF file at ``path``; bounded in time and memory on any content.

    Raises ModelLoadError, saying what to do, for a file that is missing, not a file, empty, not
    GGUF, of an unknown version, damaged, cut short, one part of several, or without weights.
    """
    size_bytes = _regular_file_bytes(path)
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
            if magic != _MAGIC:
                raise ModelLoadError(
                    f"{path} is not a GGUF model (it starts with {magic!r}). Choose a .gguf file."
                )
            file.seek(0)
            return _read(GgufStream(file, path, size_bytes), path, size_bytes)
    except OSError as error:
        raise ModelLoadError(
            f"{path} cannot be read ({error.strerror}). Check its permissions and its disk."
        ) from error


def _regular_file_bytes(path: Path) -> int:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise ModelLoadError(
            f"The model file {path} cannot be opened ({error}). Check the path."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise ModelLoadError(f"{path} is not a regular file. Choose a .gguf file.")
    if status.st_size == 0:
        raise ModelLoadError(f"{path} is empty. Copy or download it again.")
    return status.st_size


def _read(stream: GgufStream, path: Path, size_bytes: int) -> GgufHeader:
    stream.u32()  # the magic, checked by the caller
    version = stream.u32()
    if version not in _VERSIONS:
        raise ModelLoadError(
            f"{path} is GGUF version {version}, or big-endian; this box reads versions 2 and 3 in "
            "little-endian. Convert the model again with a current llama.cpp."
        )
    num_tensors, num_pairs = stream.u64(), stream.u64()
    if num_tensors > _MAX_TENSORS or num_pairs > _MAX_PAIRS:
        raise stream.refuse(f"it claims {num_tensors} tensors and {num_pairs} metadata values")
    metadata = {stream.text(): stream.value() for _ in range(num_pairs)}
    tensors = _tensors(stream, num_tensors)
    _check_whole(stream, metadata, tensors, path, size_bytes)
    return _header(stream, metadata, tensors, path, size_bytes, version)


def _tensors(stream: GgufStream, num_tensors: int) -> _Tensors:
    parameters = weights_bytes = block_bytes = end_offset = 0
    types: Counter[str] = Counter()
    for _ in range(num_tensors):
        name = stream.text()
        num_elements = _num_elements(stream)
        kind = _tensor_type(stream)
        offset = stream.u64()
        elements_per_block, bytes_per_block = GGML_QUANT_SIZES[kind]
        num_bytes = -(-num_elements // elements_per_block) * bytes_per_block
        parameters += num_elements
        weights_bytes += num_bytes
        block_bytes += num_bytes if name.startswith("blk.") else 0
        end_offset = max(end_offset, offset + num_bytes)
        types[kind.name] += num_elements
    return _Tensors(
        parameters=parameters,
        weights_bytes=weights_bytes,
        block_bytes=block_bytes,
        end_offset=end_offset,
        main_type=max(types, key=types.__getitem__) if types else None,
    )


def _num_elements(stream: GgufStream) -> int:
    num_dimensions = stream.u32()
    if num_dimensions > _MAX_DIMENSIONS:
        raise stream.refuse(f"a tensor claims {num_dimensions} dimensions")
    num_elements = 1
    for _ in range(num_dimensions):
        num_elements *= stream.u64()
    return num_elements


def _tensor_type(stream: GgufStream) -> GGMLQuantizationType:
    number = stream.u32()
    try:
        return GGMLQuantizationType(number)
    except ValueError as error:
        raise stream.refuse(f"{number} is not a tensor type that this box knows") from error


def _check_whole(
    stream: GgufStream, metadata: dict[str, Value], tensors: _Tensors, path: Path, size_bytes: int
) -> None:
    parts = metadata.get("split.count", 1)
    if isinstance(parts, int) and parts > 1:
        raise ModelLoadError(
            f"{path} is one of {parts} parts. Join them first with "
            "`llama-gguf-split --merge FIRST_PART OUTPUT`."
        )
    if tensors.parameters == 0:
        raise ModelLoadError(f"{path} holds no weights, only a vocabulary. Choose a whole model.")
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise stream.refuse(f"its alignment is {alignment!r}, not a power of two")
    data_start = -(-stream.position // alignment) * alignment
    missing_bytes = data_start + tensors.end_offset - size_bytes
    if missing_bytes > 0:
        raise ModelLoadError(
            f"{path} is cut short: {missing_bytes} bytes of its weights are missing. Copy or "
            "download it again."
        )


def _header(
    stream: GgufStream,
    metadata: dict[str, Value],
    tensors: _Tensors,
    path: Path,
    size_bytes: int,
    version: int,
) -> GgufHeader:
    architecture = _text(metadata, "general.architecture")
    if architecture is None:
        raise stream.refuse("it does not name its architecture")
    n_layer = _count(stream, metadata, f"{architecture}.block_count", _MAX_LAYERS)
    n_embd = _count(stream, metadata, f"{architecture}.embedding_length", _MAX_WIDTH)
    attention = f"{architecture}.attention"
    n_head = _per_layer(metadata.get(f"{attention}.head_count"), n_layer) or (0,) * n_layer
    head_width = n_embd // max(n_head) if max(n_head) else 0
    return GgufHeader(
        path=str(path),
        file_bytes=size_bytes,
        version=version,
        architecture=architecture,
        kind=_text(metadata, "general.type") or "model",
        name=_text(metadata, "general.name"),
        licence=_text(metadata, "general.license"),
        n_ctx_train=_count(stream, metadata, f"{architecture}.context_length", 2**31),
        n_layer=n_layer,
        n_embd=n_embd,
        n_head=n_head,
        n_head_kv=_per_layer(metadata.get(f"{attention}.head_count_kv"), n_layer) or n_head,
        key_length=_width(metadata.get(f"{attention}.key_length")) or head_width,
        value_length=_width(metadata.get(f"{attention}.value_length")) or head_width,
        n_vocab=_vocabulary(metadata, architecture),
        parameters=tensors.parameters,
        weights_bytes=tensors.weights_bytes,
        block_bytes=tensors.block_bytes,
        file_type=_file_type(metadata) or tensors.main_type,
        tokenizer=_text(metadata, "tokenizer.ggml.model"),
        has_chat_template=_text(metadata, "tokenizer.chat_template") is not None,
    )


def _text(metadata: dict[str, Value], key: str) -> str | None:
    value = metadata.get(key)
    return value if isinstance(value, str) and value else None


def _count(stream: GgufStream, metadata: dict[str, Value], key: str, limit: int) -> int:
    value = metadata.get(key)
    if not isinstance(value, int) or not 1 <= value <= limit:
        raise stream.refuse(f"{key} is {value!r}, not a number from 1 to {limit}")
    return value


def _width(value: Value | None) -> int | None:
    return value if isinstance(value, int) and 1 <= value <= _MAX_WIDTH else None


def _per_layer(value: Value | None, n_layer: int) -> tuple[int, ...] | None:
    """A head count is one number for all layers, or an array with one number a layer."""
    counts = (value,) * n_layer if isinstance(value, int) else value
    if not isinstance(counts, tuple) or len(counts) != n_layer:
        return None
    whole = tuple(count for count in counts if isinstance(count, int) and 0 <= count <= _MAX_WIDTH)
    return whole if len(whole) == n_layer else None


def _vocabulary(metadata: dict[str, Value], architecture: str) -> int | None:
    tokens = metadata.get("tokenizer.ggml.tokens")
    if isinstance(tokens, CountedArray):
        return tokens.count
    return _width(metadata.get(f"{architecture}.vocab_size"))


def _file_type(metadata: dict[str, Value]) -> str | None:
    number = metadata.get("general.file_type")
    try:
        name = str(LlamaFileType(number).name)
    except ValueError:
        return None
    return name.removeprefix("MOSTLY_").removeprefix("ALL_")
