# SPDX-License-Identifier: Apache-2.0
"""What a GGUF file says about itself, read without loading it. Source: ggml docs/gguf.md."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
from gguf.constants import LlamaFileType

from atre.errors import ModelLoadError
from atre.models.cache_layout import CacheLayout, read_cache_layout
from atre.models.gguf_file import GgufFile, open_gguf, text, whole_number
from atre.models.gguf_stream import CountedArray, GgufStream, Value
from atre.models.split import parts_of

# Far above any published model, low enough that a damaged count cannot cost seconds or gigabytes.
_MAX_LAYERS = 1024
_MAX_WIDTH = 2**24
# Tensors that llama.cpp keeps in main memory (llama-arch.cpp, LLM_TENSOR_LAYER_INPUT). Where there
# is no output, it uses the embedding, a second copy of it if it computes elsewhere.
_EMBEDDING, _OUTPUT = "token_embd.weight", "output.weight"
_EXPERTS = "_exps."  # in the names of a mixture's weights: all experts of a layer in one tensor
_INPUTS = (_EMBEDDING, "per_layer_token_embd.weight", "position_embd.weight")


class GgufHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of one model file. Per-layer head counts have ``n_layer`` items; None is unknown.

    ``weights_bytes`` is the sum of all tensors, ``block_bytes`` of those in repeated layers,
    ``input_bytes`` of those that turn tokens into vectors; ``tied_bytes`` of these also serve as
    the output. Of ``n_expert`` experts, in ``expert_bytes``, each token asks ``n_expert_used``;
    0 are no mixture.
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
    cache: CacheLayout
    n_vocab: int | None
    parameters: int
    weights_bytes: int
    block_bytes: int
    input_bytes: int = 0
    tied_bytes: int = 0
    expert_bytes: int = 0
    n_expert: int = 0
    n_expert_used: int = 0
    file_type: str | None
    tokenizer: str | None
    has_chat_template: bool

    @property
    def is_mixture(self) -> bool:
        """Whether a token reads only some of the weights."""
        return 0 < self.n_expert_used < self.n_expert and self.expert_bytes > 0


class _Sizes(msgspec.Struct, frozen=True, kw_only=True):
    file_bytes: int
    parameters: int
    weights_bytes: int
    block_bytes: int
    expert_bytes: int
    ends: dict[str, int]
    types: Counter[str]


def read_header(path: Path) -> GgufHeader:
    """Read the metadata of the GGUF model at ``path``; bounded in time and memory on any content.

    Of a model in several files ``path`` is the first one, and the others lie beside it. Raises
    ModelLoadError, saying what to do, for a file that is missing, not a file, empty, not GGUF, of
    an unknown version, damaged, cut short, not the first of its parts, or without weights.
    """
    return read_parts(parts_of(path))


def read_parts(paths: Sequence[Path]) -> GgufHeader:
    """The header of one model whose files are ``paths``, in order, whatever their names.

    Raises ModelLoadError like ``read_header``.
    """
    with open_gguf(paths[0]) as first:
        _check_part(first, number=0, count=len(paths))
        sizes = _sizes(first)
        for number, path in enumerate(paths[1:], start=1):
            with open_gguf(path) as part:
                _check_part(part, number=number, count=len(paths))
                sizes = _added(sizes, _sizes(part))
        if sizes.parameters == 0:
            raise ModelLoadError(
                f"{first.path} holds no weights, only a vocabulary. Choose a whole model.",
                f"{first.path} ne contient aucun poids, seulement un vocabulaire. Choisissez un "
                "modèle entier.",
            )
        return _header(first, sizes)


def _check_part(file: GgufFile, *, number: int, count: int) -> None:
    said = whole_number(file.metadata.get("split.count")) or 1
    if said > count:
        raise ModelLoadError(
            f"{file.path} is one of {said} parts. Put them all into one folder, named "
            f"NAME-00001-of-{said:05}.gguf and so on, and choose the first.",
            f"{file.path} est une partie sur {said}. Mettez-les toutes dans un dossier, nommées "
            f"NOM-00001-of-{said:05}.gguf et ainsi de suite, et choisissez la première.",
        )
    if said < count or (count > 1 and file.metadata.get("split.no") != number):
        raise ModelLoadError(
            f"{file.path} is not part {number + 1} of {count}, although its name says so. Copy or "
            "download the parts again.",
            f"{file.path} n’est pas la partie {number + 1} sur {count}, bien que son nom le dise. "
            "Copiez ou téléchargez les parties de nouveau.",
        )


def _sizes(file: GgufFile) -> _Sizes:
    parameters = weights_bytes = block_bytes = expert_bytes = end_offset = 0
    types: Counter[str] = Counter()
    ends: dict[str, int] = {}
    for tensor in file.tensors():
        parameters += tensor.num_elements
        weights_bytes += tensor.num_bytes
        block_bytes += tensor.num_bytes if tensor.name.startswith("blk.") else 0
        expert_bytes += tensor.num_bytes if _EXPERTS in tensor.name else 0
        end_offset = max(end_offset, tensor.offset + tensor.num_bytes)
        types[tensor.kind] += tensor.num_elements
        if tensor.name in {*_INPUTS, _OUTPUT}:
            ends[tensor.name] = tensor.num_bytes
    file.check_whole(end_offset)
    return _Sizes(
        file_bytes=file.size_bytes,
        parameters=parameters,
        weights_bytes=weights_bytes,
        block_bytes=block_bytes,
        expert_bytes=expert_bytes,
        ends=ends,
        types=types,
    )


def _added(one: _Sizes, other: _Sizes) -> _Sizes:
    return _Sizes(
        file_bytes=one.file_bytes + other.file_bytes,
        parameters=one.parameters + other.parameters,
        weights_bytes=one.weights_bytes + other.weights_bytes,
        block_bytes=one.block_bytes + other.block_bytes,
        expert_bytes=one.expert_bytes + other.expert_bytes,
        ends=one.ends | other.ends,
        types=one.types + other.types,
    )


def _header(file: GgufFile, sizes: _Sizes) -> GgufHeader:
    metadata, stream = file.metadata, file.stream
    architecture = file.architecture()
    n_layer = _count(stream, metadata, f"{architecture}.block_count", _MAX_LAYERS)
    n_embd = _count(stream, metadata, f"{architecture}.embedding_length", _MAX_WIDTH)
    attention = f"{architecture}.attention"
    n_head = _per_layer(metadata.get(f"{attention}.head_count"), n_layer) or (0,) * n_layer
    n_head_kv = _per_layer(metadata.get(f"{attention}.head_count_kv"), n_layer) or n_head
    return GgufHeader(
        path=str(file.path),
        file_bytes=sizes.file_bytes,
        version=file.version,
        architecture=architecture,
        kind=text(metadata, "general.type") or "model",
        name=text(metadata, "general.name"),
        licence=text(metadata, "general.license"),
        n_ctx_train=_count(stream, metadata, f"{architecture}.context_length", 2**31),
        n_layer=n_layer,
        n_embd=n_embd,
        n_head=n_head,
        n_head_kv=n_head_kv,
        cache=read_cache_layout(
            metadata, architecture, n_embd=n_embd, n_head=n_head, n_head_kv=n_head_kv
        ),
        n_vocab=_vocabulary(metadata, architecture),
        parameters=sizes.parameters,
        weights_bytes=sizes.weights_bytes,
        block_bytes=sizes.block_bytes,
        input_bytes=sum(sizes.ends.get(name, 0) for name in _INPUTS),
        tied_bytes=0 if _OUTPUT in sizes.ends else sizes.ends.get(_EMBEDDING, 0),
        expert_bytes=sizes.expert_bytes,
        n_expert=_small_count(metadata.get(f"{architecture}.expert_count")),
        n_expert_used=_small_count(metadata.get(f"{architecture}.expert_used_count")),
        file_type=_file_type(metadata) or _main_type(sizes),
        tokenizer=text(metadata, "tokenizer.ggml.model"),
        has_chat_template=text(metadata, "tokenizer.chat_template") is not None,
    )


def _main_type(sizes: _Sizes) -> str | None:
    return max(sizes.types, key=sizes.types.__getitem__) if sizes.types else None


def _count(stream: GgufStream, metadata: dict[str, Value], key: str, limit: int) -> int:
    value = metadata.get(key)
    if not isinstance(value, int) or not 1 <= value <= limit:
        raise stream.refuse(
            f"{key} is {value!r}, not a number from 1 to {limit}",
            f"{key} vaut {value!r}, et non un nombre de 1 à {limit}",
        )
    return value


def _small_count(value: Value | None) -> int:
    """A number that may be left out; a damaged one counts as left out."""
    return value if isinstance(value, int) and 0 < value <= _MAX_WIDTH else 0


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
