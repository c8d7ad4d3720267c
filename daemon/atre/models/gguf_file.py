# SPDX-License-Identifier: Apache-2.0
"""The container: metadata and tensors of any GGUF file. Source: ggml docs/gguf.md."""

import math
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from atre.errors import ModelLoadError
from atre.models.gguf_stream import GgufStream, Value

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)  # version 1 had 32-bit lengths and left use in 2023
_DEFAULT_ALIGNMENT = 32
# Far above any published model, low enough that a damaged count cannot cost seconds or gigabytes.
_MAX_PAIRS = 4096
_MAX_TENSORS = 65_536
_MAX_DIMENSIONS = 4  # GGML_MAX_DIMS


class TensorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One tensor; ``shape`` has the fastest dimension first, as ggml counts.

    ``offset`` is where its data starts after the header, in bytes.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    num_bytes: int
    offset: int

    @property
    def num_elements(self) -> int:
        return math.prod(self.shape)


class GgufFile:
    """An open GGUF file whose metadata was read; its tensors follow in the stream."""

    def __init__(self, stream: GgufStream, path: Path, size_bytes: int) -> None:
        self.stream = stream
        self.path = path
        self.size_bytes = size_bytes
        stream.u32()  # the magic, checked by open_gguf
        self.version = stream.u32()
        if self.version not in _VERSIONS:
            raise ModelLoadError(
                f"{path} is GGUF version {self.version}, or big-endian; this box reads versions 2 "
                "and 3 in little-endian. Convert the model again with a current llama.cpp.",
                f"{path} est du GGUF version {self.version}, ou gros-boutiste ; ce boîtier lit "
                "les versions 2 et 3 en petit-boutiste. Convertissez le modèle de nouveau avec un "
                "llama.cpp à jour.",
            )
        self._num_tensors, num_pairs = stream.u64(), stream.u64()
        if self._num_tensors > _MAX_TENSORS or num_pairs > _MAX_PAIRS:
            raise stream.refuse(
                f"it claims {self._num_tensors} tensors and {num_pairs} metadata values",
                f"il annonce {self._num_tensors} tenseurs et {num_pairs} métadonnées",
            )
        self.metadata: dict[str, Value] = {stream.text(): stream.value() for _ in range(num_pairs)}

    def architecture(self) -> str:
        name = text(self.metadata, "general.architecture")
        if name is None:
            raise self.stream.refuse(
                "it does not name its architecture", "il ne nomme pas son architecture"
            )
        return name

    def tensors(self) -> Iterator[TensorInfo]:
        """Every tensor, read from the stream as it is asked for, and once only."""
        for _ in range(self._num_tensors):
            name = self.stream.text()
            shape = self._shape()
            kind = self._kind()
            elements_per_block, bytes_per_block = GGML_QUANT_SIZES[kind]
            yield TensorInfo(
                name=name,
                shape=shape,
                kind=kind.name,
                num_bytes=-(-math.prod(shape) // elements_per_block) * bytes_per_block,
                offset=self.stream.u64(),
            )

    def check_whole(self, end_offset: int) -> None:
        """Raises ModelLoadError unless the data that its tensors need is there.

        To be called once every tensor was read; ``end_offset`` is where the last of them ends.
        """
        alignment = self.metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
            raise self.stream.refuse(
                f"its alignment is {alignment!r}, not a power of two",
                f"son alignement est {alignment!r}, et non une puissance de deux",
            )
        data_start = -(-self.stream.position // alignment) * alignment
        missing_bytes = data_start + end_offset - self.size_bytes
        if end_offset and missing_bytes > 0:
            raise ModelLoadError(
                f"{self.path} is cut short: {missing_bytes} bytes of its weights are missing. Copy "
                "or download it again.",
                f"{self.path} est tronqué : il manque {missing_bytes} octets de ses poids. "
                "Copiez-le ou téléchargez-le de nouveau.",
            )

    def _shape(self) -> tuple[int, ...]:
        num_dimensions = self.stream.u32()
        if num_dimensions > _MAX_DIMENSIONS:
            raise self.stream.refuse(
                f"a tensor claims {num_dimensions} dimensions",
                f"un tenseur annonce {num_dimensions} dimensions",
            )
        return tuple(self.stream.u64() for _ in range(num_dimensions))

    def _kind(self) -> GGMLQuantizationType:
        number = self.stream.u32()
        try:
            return GGMLQuantizationType(number)
        except ValueError as error:
            raise self.stream.refuse(
                f"{number} is not a tensor type that this box knows",
                f"{number} n’est pas un type de tenseur que ce boîtier connaît",
            ) from error


@contextmanager
def open_gguf(path: Path) -> Iterator[GgufFile]:
    """Open a file that nobody has checked yet; bounded in time and memory on any content.

    Raises ModelLoadError, saying what to do, for a file that is missing, not a file, empty, not
    GGUF, of an unknown version or damaged.
    """
    size_bytes = _regular_file_bytes(path)
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
            if magic != _MAGIC:
                raise ModelLoadError(
                    f"{path} is not a GGUF model (it starts with {magic!r}). Choose a .gguf file.",
                    f"{path} n’est pas un modèle GGUF (il commence par {magic!r}). Choisissez un "
                    "fichier .gguf.",
                )
            file.seek(0)
            yield GgufFile(GgufStream(file, path, size_bytes), path, size_bytes)
    except OSError as error:
        raise ModelLoadError(
            f"{path} cannot be read ({error.strerror}). Check its permissions and its disk.",
            f"{path} est illisible ({error.strerror}). Vérifiez ses permissions et son disque.",
        ) from error


def _regular_file_bytes(path: Path) -> int:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise ModelLoadError(
            f"The model file {path} cannot be opened ({error}). Check the path.",
            f"Le fichier de modèle {path} ne s’ouvre pas ({error}). Vérifiez le chemin.",
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise ModelLoadError(
            f"{path} is not a regular file. Choose a .gguf file.",
            f"{path} n’est pas un fichier ordinaire. Choisissez un fichier .gguf.",
        )
    if status.st_size == 0:
        raise ModelLoadError(
            f"{path} is empty. Copy or download it again.",
            f"{path} est vide. Copiez-le ou téléchargez-le de nouveau.",
        )
    return status.st_size


def text(metadata: dict[str, Value], key: str) -> str | None:
    """A text that is there and not empty."""
    value = metadata.get(key)
    return value if isinstance(value, str) and value else None


def whole_number(value: Value | None) -> int | None:
    """A number that is no truth value, which Python counts among the integers."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
