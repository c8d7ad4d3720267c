# SPDX-License-Identifier: Apache-2.0
"""A GUID partition table, taken as strictly as those who start from it take it.

Linux (block/partitions/efi.c) wants the protective MBR and a primary table whose sums are right,
and looks at no other. The firmware (EDK2's PartitionDxe) writes the primary anew, before the loader
starts, if only the backup in the disk's last sector is right. GRUB reads the primary without sums.
"""

import binascii
import struct
from collections.abc import Callable
from dataclasses import dataclass

SECTOR = 512
# signature, revision, bytes, sum, reserved, own place, other's place, first and last usable sector,
# disk's GUID, place of the entries, their number, bytes of one, their sum: UEFI 2.10, 5.3.2
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")
_SIGNATURE = b"EFI PART"
_MAX_ENTRIES_BYTES = 2**20

Read = Callable[[int, int], bytes]  # offset, length


@dataclass(frozen=True, slots=True)
class Partition:
    """``start`` and ``length`` in bytes."""

    number: int
    name: str
    start: int
    length: int
    guid: bytes


@dataclass(frozen=True, slots=True)
class Table:
    """``is_repaired``: the primary was wrong, and the firmware writes it from the backup."""

    partitions: tuple[Partition, ...]
    is_repaired: bool = False

    def named(self, name: str) -> Partition | None:
        return next((each for each in self.partitions if each.name == name), None)


def read_table(read: Read, disk_bytes: int) -> Table | None:
    """The table that the box starts with, None if it has none."""
    mbr = read(0, SECTOR)
    kinds = {mbr[446 + 16 * number + 4] for number in range(4)} if len(mbr) == SECTOR else set()
    if 0xEE not in kinds or mbr[510:] != b"\x55\xaa":
        return None
    last = disk_bytes // SECTOR - 1
    primary = _table_at(read, 1, last)
    if primary is not None:
        return Table(primary)
    backup = _table_at(read, last, last)
    return None if backup is None else Table(backup, is_repaired=True)


def _table_at(read: Read, sector: int, last: int) -> tuple[Partition, ...] | None:
    raw = read(sector * SECTOR, SECTOR)
    signature, _, size, total, _, own, _, first_usable, last_usable, _, at, number, each, sum_ = (
        _HEADER.unpack_from(raw)
    )
    if signature != _SIGNATURE or not _HEADER.size <= size <= SECTOR or own != sector:
        return None
    if binascii.crc32(raw[:16] + bytes(4) + raw[20:size]) != total:
        return None
    if not first_usable <= last_usable <= last or each != _ENTRY.size:
        return None
    if number * each > _MAX_ENTRIES_BYTES:
        return None
    entries = read(at * SECTOR, number * each)
    if binascii.crc32(entries) != sum_:
        return None
    found = []
    for place in range(number):
        kind, guid, first, end, _, name = _ENTRY.unpack_from(entries, place * each)
        if kind != bytes(16):
            text = name.decode("utf-16-le", "replace").split("\0", 1)[0]
            length = (end - first + 1) * SECTOR
            found.append(Partition(place + 1, text, first * SECTOR, length, guid))
    return tuple(found)
