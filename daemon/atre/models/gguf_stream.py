# SPDX-License-Identifier: Apache-2.0
"""Bounded reading of GGUF values from a file that nobody has checked yet.

Source: ggml docs/gguf.md. Every length is compared with what the file still holds before use.
"""

import struct
from pathlib import Path
from typing import BinaryIO

import msgspec

from atre.errors import ModelLoadError

# The largest vocabulary of llama.cpp's own test set (Gemma 4, 262,144 tokens) takes 15 MiB.
_MAX_HEADER_BYTES = 64 * 2**20
_MAX_TEXT_CHARS = 4096  # names and licences; longer texts (chat templates) only matter as present
_MAX_KEPT_ITEMS = 1024  # per-layer arrays are kept, vocabularies are only counted

_STRING = 8
_ARRAY = 9
_BOOL = 7
_NUMBERS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    _BOOL: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}


class CountedArray(msgspec.Struct, frozen=True):
    """An array too long to keep: only how many items it has."""

    count: int


Scalar = int | float | bool
Value = Scalar | str | tuple[Scalar, ...] | CountedArray


class GgufStream:
    """A cursor over the header of one file of ``size_bytes``; every error is a ModelLoadError."""

    def __init__(self, file: BinaryIO, path: Path, size_bytes: int) -> None:
        self._file = file
        self._path = path
        self._limit = min(size_bytes, _MAX_HEADER_BYTES)
        self.position = 0

    def u32(self) -> int:
        return int(self._unpack(_NUMBERS[4]))

    def u64(self) -> int:
        return int(self._unpack(_NUMBERS[10]))

    def text(self) -> str:
        """A string, cut at a length that is safe to keep; bad UTF-8 becomes U+FFFD."""
        num_bytes = self.u64()
        self._require(num_bytes)
        kept = self._read(min(num_bytes, _MAX_TEXT_CHARS))
        self._skip(num_bytes - len(kept))
        return kept.decode("utf-8", errors="replace")

    def value(self) -> Value:
        """One metadata value: its type, then its content."""
        kind = self.u32()
        return self._array() if kind == _ARRAY else self._scalar(kind)

    def refuse(self, problem: str, french: str) -> ModelLoadError:
        return ModelLoadError(
            f"{self._path} is damaged: {problem} (at byte {self.position}). Copy or download the "
            "file again.",
            f"{self._path} est abîmé : {french} (à l’octet {self.position}). Copiez ou "
            "téléchargez le fichier de nouveau.",
        )

    def _array(self) -> Value:
        kind = self.u32()
        count = self.u64()
        if kind == _STRING:
            self._require(8 * count)
            for _ in range(count):
                self._skip(self.u64())
            return CountedArray(count)
        self._require(self._number(kind).size * count)
        if count > _MAX_KEPT_ITEMS:
            self._skip(self._number(kind).size * count)
            return CountedArray(count)
        return tuple(self._unpack(self._number(kind)) for _ in range(count))

    def _scalar(self, kind: int) -> Scalar | str:
        return self.text() if kind == _STRING else self._unpack(self._number(kind))

    def _number(self, kind: int) -> struct.Struct:
        if kind not in _NUMBERS:
            raise self.refuse(
                f"{kind} is not a GGUF value type", f"{kind} n’est pas un type de valeur de GGUF"
            )
        return _NUMBERS[kind]

    def _unpack(self, layout: struct.Struct) -> Scalar:
        self._require(layout.size)
        number: Scalar = layout.unpack(self._read(layout.size))[0]
        return number

    def _require(self, num_bytes: int) -> None:
        if num_bytes > self._limit - self.position:
            raise self.refuse(
                f"a value of {num_bytes} bytes does not fit in what is left of it",
                f"une valeur de {num_bytes} octets ne tient pas dans ce qui en reste",
            )

    def _read(self, num_bytes: int) -> bytes:
        content = self._file.read(num_bytes)
        if len(content) < num_bytes:
            raise self.refuse(
                "it became shorter while it was read", "il a raccourci pendant la lecture"
            )
        self.position += num_bytes
        return content

    def _skip(self, num_bytes: int) -> None:
        self._require(num_bytes)
        self._file.seek(num_bytes, 1)
        self.position += num_bytes
