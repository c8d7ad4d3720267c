# SPDX-License-Identifier: Apache-2.0
"""A disk's write log as QEMU's ``blklogwrites`` leaves it, which is that of Linux's dm-log-writes.

Sector 0 says how many entries there are. Each entry fills a sector of its own, followed by the
data of a write; a discard has none (linux/drivers/md/dm-log-writes.c, qemu/block/blklogwrites.c).
All numbers are little-endian.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SUPER = struct.Struct("<QQQI")  # magic, version, number of entries, bytes per sector
_ENTRY = struct.Struct("<QQQQ")  # sector, number of sectors, flags, bytes of a mark's text
_MAGIC, _VERSION = 0x6A736677736872, 1
_FLUSH, _FUA, _DISCARD, _MARK, _METADATA = (1 << bit for bit in range(5))
_KNOWN = _FLUSH | _FUA | _DISCARD | _MARK | _METADATA


class LogError(Exception):
    """The log, or what it is to be replayed on, is not what it should be; the text says why."""


@dataclass(frozen=True, slots=True)
class Write:
    """Entry ``number`` of the log: ``length`` bytes at ``offset`` of the disk.

    ``data_at`` is where in the log they are, None for a discard. ``is_fua``: once it is done it
    is on the medium, whatever a cut does to the writes before it.
    """

    number: int
    offset: int
    length: int
    data_at: int | None
    is_fua: bool = False


@dataclass(frozen=True, slots=True)
class Epoch:
    """What was written between two flush boundaries; after the last flush, what never got one."""

    number: int
    writes: tuple[Write, ...]


class WriteLog:
    """The log at ``path``. Raises LogError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = _mapped(path)
        self.sector_bytes, self.n_entries = self._read_super()
        self.epochs = tuple(self._read_epochs())

    @property
    def n_writes(self) -> int:
        return sum(len(epoch.writes) for epoch in self.epochs)

    def data(self, write: Write, start: int, length: int) -> bytes:
        """``length`` bytes of a write from its byte ``start`` on; zeros of a discard."""
        if write.data_at is None:
            return bytes(length)
        return self._bytes[write.data_at + start : write.data_at + start + length]

    def _read_super(self) -> tuple[int, int]:
        if len(self._bytes) < _SUPER.size:
            raise LogError(f"{self.path} is empty: the machine wrote and flushed nothing.")
        magic, version, n_entries, sector_bytes = _SUPER.unpack_from(self._bytes)
        if magic == 0:
            raise LogError(
                f"{self.path} has no head: QEMU writes it at a flush, and none came. "
                "cache.no-flush on blklogwrites or above it would be the reason."
            )
        if magic != _MAGIC or version != _VERSION:
            raise LogError(f"{self.path} is no write log: magic {magic:#x}, version {version}.")
        if not 512 <= sector_bytes <= 2**23 or sector_bytes & (sector_bytes - 1):
            raise LogError(f"{self.path}: sectors of {sector_bytes} bytes cannot be.")
        if n_entries == 0:
            raise LogError(f"{self.path} has no entries: the machine wrote nothing.")
        return sector_bytes, n_entries

    def _read_epochs(self) -> Iterator[Epoch]:
        number, writes = 0, list[Write]()
        for write, is_boundary in self._entries():
            if is_boundary:
                yield Epoch(number, tuple(writes))
                number, writes = number + 1, []
            if write is not None:
                writes.append(write)
        yield Epoch(number, tuple(writes))

    def _entries(self) -> Iterator[tuple[Write | None, bool]]:
        """Each write, and whether a flush came before it."""
        place = self.sector_bytes
        for number in range(self.n_entries):
            if place + _ENTRY.size > len(self._bytes):
                raise self._cut_short(number)
            sector, n_sectors, flags, n_text = _ENTRY.unpack_from(self._bytes, place)
            data_at = place + self.sector_bytes
            # A mark's text lies in the entry's own sector, and nothing comes after it.
            rest = self._bytes[place + _ENTRY.size + min(n_text, self.sector_bytes) : data_at]
            if flags & ~_KNOWN or any(rest):
                raise LogError(
                    f"{self.path}: what should be entry {number} is none. Some QEMU put a request "
                    "for zeros in the wrong place: record with write-zeroes=off on the device."
                )
            length = n_sectors * self.sector_bytes
            is_discard = bool(flags & _DISCARD)
            place = data_at if is_discard else data_at + length
            if place > len(self._bytes):
                raise self._cut_short(number)
            write = None
            if n_sectors and not flags & _MARK:
                write = Write(
                    number=number,
                    offset=sector * self.sector_bytes,
                    length=length,
                    data_at=None if is_discard else data_at,
                    is_fua=bool(flags & _FUA),
                )
            if write is not None or flags & _FLUSH:
                yield write, bool(flags & _FLUSH)

    def _cut_short(self, number: int) -> LogError:
        return LogError(
            f"{self.path} is cut short: it says {self.n_entries} entries, and ends in number "
            f"{number}. Copy it after QEMU has ended."
        )


def _mapped(path: Path) -> mmap.mmap | bytes:
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) == 0:
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise LogError(f"The write log cannot be read: {error}.") from error
