# SPDX-License-Identifier: Apache-2.0
"""Write a log as ``blklogwrites`` does, for tests of what reads it."""

import struct
from pathlib import Path

_SECTOR = 512
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8


class LogWriter:
    """Offsets and lengths in bytes, whole sectors of 512."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._n_entries = 0

    def write(self, offset: int, data: bytes, flags: int = 0) -> None:
        self._entry(offset, len(data), flags)
        self._parts.append(data)

    def discard(self, offset: int, length: int) -> None:
        self._entry(offset, length, DISCARD)

    def flush(self) -> None:
        self._entry(0, 0, FLUSH)

    def mark(self, text: bytes) -> None:
        self._entry(0, 0, MARK, text)

    def save(self, path: Path) -> Path:
        head = struct.pack("<QQQI", 0x6A736677736872, 1, self._n_entries, _SECTOR)
        path.write_bytes(head.ljust(_SECTOR, b"\0") + b"".join(self._parts))
        return path

    def _entry(self, offset: int, length: int, flags: int, text: bytes = b"") -> None:
        assert offset % _SECTOR == length % _SECTOR == 0
        numbers = struct.pack("<QQQQ", offset // _SECTOR, length // _SECTOR, flags, len(text))
        self._parts.append((numbers + text).ljust(_SECTOR, b"\0"))
        self._n_entries += 1
