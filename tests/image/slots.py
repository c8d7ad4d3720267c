# SPDX-License-Identifier: Apache-2.0
"""Which version lies in a slot, sector by sector, without reading half a gigabyte each time.

For each partition of a slot and each known version one bit a sector says whether it holds what that
version's image holds there. A write changes the bits below it; nothing else is ever compared again.
"""

import mmap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tests.image.crash_states import SECTOR, Piece
from tests.image.partition_table import Table
from tests.image.working_disk import Span
from tests.image.write_log import LogError, Write, WriteLog

from atre.system.slot import Slot
from atre.updates.boot_rule import SLOTS

# A partition of the slot, and the file of a version's folder that it holds.
IMAGES = {"boot": "boot.vfat", "root": "root.img", "verity": "verity.img"}
_CHUNK = 16 * 2**20

Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Content:
    """The versions whose boot image is in a slot, and those whose root and hashes are."""

    boot: frozenset[str] = frozenset()
    verified: frozenset[str] = frozenset()

    @property
    def whole(self) -> str | None:
        """The version that is all there."""
        return min(self.boot & self.verified, default=None)


@dataclass(frozen=True, slots=True)
class _Compared:
    """One partition of a slot against one version's image."""

    slot: Slot
    part: str
    version: str
    span: Span
    image: mmap.mmap


class Slots:
    """Both slots as they are on ``base``, and as a log's writes change them. Raises LogError."""

    def __init__(self, base: Path, table: Table, versions: Mapping[str, Path]) -> None:
        self._compared = tuple(_compared(table, versions))
        with base.open("rb") as file:
            self._bits = [_bits_of(file.fileno(), each) for each in self._compared]
        self._matches: dict[tuple[int, int], tuple[int, Bits]] = {}

    @staticmethod
    def spans(table: Table) -> tuple[Span, ...]:
        """The partitions that only this class looks at: GRUB reads the boot partitions too."""
        names = (f"{part}-{slot}" for part in ("root", "verity") for slot in SLOTS)
        return tuple(
            Span(found.start, found.length) for name in names if (found := table.named(name))
        )

    def write(self, log: WriteLog, pieces: Iterable[Piece]) -> None:
        for place, bits in self._changed(log, pieces).items():
            self._bits[place] = bits
        self._matches.clear()

    def contents(self, log: WriteLog, pieces: Sequence[Piece]) -> dict[Slot, Content]:
        """What both slots hold with these writes on top, which are then forgotten."""
        changed = self._changed(log, pieces)
        held: dict[tuple[Slot, str], set[str]] = {}
        for place, each in enumerate(self._compared):
            found = held.setdefault((each.slot, each.part), set())
            if bool(changed.get(place, self._bits[place]).all()):
                found.add(each.version)
        return {
            slot: Content(
                boot=frozenset(held[slot, "boot"]),
                verified=frozenset(held[slot, "root"] & held[slot, "verity"]),
            )
            for slot in SLOTS
        }

    def _changed(self, log: WriteLog, pieces: Iterable[Piece]) -> dict[int, Bits]:
        changed: dict[int, Bits] = {}
        for piece in pieces:
            for place, each in enumerate(self._compared):
                if not each.span.is_touched_by(piece.write):
                    continue
                first, match = self._match(log, piece.write, place)
                if place not in changed:
                    changed[place] = self._bits[place].copy()
                for start, length in piece.spans():
                    _lay_over(changed[place], first, match, start // SECTOR, length // SECTOR)
        return changed

    def _match(self, log: WriteLog, write: Write, place: int) -> tuple[int, Bits]:
        """The image's sector where the write begins, and whether each of its sectors is right.

        The first may be negative: a discard can begin before the partition.
        """
        key = write.number, place
        if key not in self._matches:
            each = self._compared[place]
            start = write.offset - each.span.start
            end = min(start + write.length, len(each.image))
            match = np.zeros(write.length // SECTOR, dtype=np.bool_)
            for begin in range(max(start, 0), end, _CHUNK):
                size = min(_CHUNK, end - begin)
                same = _same(log.data(write, begin - start, size), each.image[begin : begin + size])
                match[(begin - start) // SECTOR :][: len(same)] = same
            self._matches[key] = start // SECTOR, match
        return self._matches[key]


def _compared(table: Table, versions: Mapping[str, Path]) -> Iterable[_Compared]:
    for slot in SLOTS:
        for part, name in IMAGES.items():
            partition = table.named(f"{part}-{slot}")
            if partition is None:
                raise LogError(f"The base disk has no partition {part}-{slot}.")
            for version, folder in versions.items():
                image = _image(folder / name)
                if len(image) > partition.length:
                    raise LogError(f"{folder / name} is larger than the partition {part}-{slot}.")
                span = Span(partition.start, partition.length)
                yield _Compared(slot, part, version, span, image)


def _image(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            image = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise LogError(f"A version's image cannot be read: {error}: {path}.") from error
    if len(image) % SECTOR:
        raise LogError(f"{path} does not end with a sector.")
    return image


def _bits_of(disk: int, each: _Compared) -> Bits:
    with mmap.mmap(
        disk,
        len(each.image),
        access=mmap.ACCESS_READ,
        offset=each.span.start,
    ) as held:
        parts = [
            _same(held[place : place + _CHUNK], each.image[place : place + _CHUNK])
            for place in range(0, len(each.image), _CHUNK)
        ]
    return np.concatenate(parts)


def _same(one: bytes, other: bytes) -> Bits:
    """Whether each sector is the same."""
    first, second = (
        np.frombuffer(each, np.uint64).reshape(-1, SECTOR // 8) for each in (one, other)
    )
    return np.asarray(np.equal(first, second).all(axis=1), dtype=np.bool_)


def _lay_over(bits: Bits, first: int, match: Bits, start: int, number: int) -> None:
    """Sectors ``start`` and on of a write that begins at the image's sector ``first``."""
    begin = max(first + start, 0)
    end = min(first + start + number, len(bits))
    if end > begin:
        bits[begin:end] = match[begin - first : end - first]
