# SPDX-License-Identifier: Apache-2.0
"""The disks that are plugged in, as UDisks2's objects say. Pure.

A disk is known by its filesystem's UUID; one without, by its drive and partition. Never by /dev.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from atre.media.udisks_objects import (
    BLOCK,
    DRIVE,
    ENCRYPTED,
    FILESYSTEM,
    PARTITION,
    PARTITION_TABLE,
    Tree,
)
from atre.space.words import in_words

_NONE = "/"
_LEAST_BYTES = 16 * 2**20  # less is no disk but a driver's floppy or an empty card reader

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A filesystem, or what could hold one, on something that was plugged in.

    ``block`` and ``drive`` are paths of UDisks2, the second None for a disk without drive, such as
    an image. ``is_blank`` has nothing on it that is known; ``usage`` is UDisks2's IdUsage.
    ``is_twin`` shares its UUID with another one: nobody can tell them apart.
    """

    id: str
    block: str
    drive: str | None
    name: str
    label: str
    filesystem: str
    usage: str
    size_bytes: int
    mount_points: tuple[str, ...]
    is_read_only: bool
    is_encrypted: bool
    can_power_off: bool
    can_eject: bool
    is_twin: bool = False

    @property
    def is_blank(self) -> bool:
        return not self.usage and not self.filesystem


def disks(tree: Tree, system: frozenset[str]) -> list[Disk]:
    """What may be a backup's: nothing of the system, and nothing that is part of something else.

    ``system`` has the MAJOR:MINOR numbers of what holds the system or the box's own data.
    """
    own = {path for path, each in tree.items() if _number(each.get(BLOCK, {})) in system}
    drives = {_drive(tree[path]) for path in own} - {None}
    tables = own | {path for path, each in tree.items() if _holds(path, tree, own)}
    found = [
        _disk(path, interfaces, tree)
        for path, interfaces in sorted(tree.items())
        if BLOCK in interfaces
        and path not in tables
        and _table(interfaces) not in own
        and _drive(interfaces) not in drives
        and _is_for_people(interfaces, tree)
    ]
    ids = [disk.id for disk in found]
    return [_marked(disk, is_twin=ids.count(disk.id) > 1) for disk in found]


def _holds(path: str, tree: Tree, own: set[str]) -> bool:
    """Whether a device is the encrypted one below something of the system."""
    return any(tree[each][BLOCK].get("CryptoBackingDevice", _NONE) == path for each in own)


def _is_for_people(interfaces: Mapping[str, Properties], tree: Tree) -> bool:
    block = interfaces[BLOCK]
    drive = tree.get(block.get("Drive", _NONE), {}).get(DRIVE, {})
    return not (
        block.get("HintSystem", True)
        or block.get("HintIgnore", False)
        or block.get("Size", 0) < _LEAST_BYTES
        or PARTITION_TABLE in interfaces
        or interfaces.get(PARTITION, {}).get("IsContainer", False)
        or drive.get("Optical", False)
    )


def _disk(path: str, interfaces: Mapping[str, Properties], tree: Tree) -> Disk:
    block = interfaces[BLOCK]
    drive_path = _drive(interfaces)
    drive = tree.get(drive_path or "", {}).get(DRIVE, {})
    places = interfaces.get(FILESYSTEM, {}).get("MountPoints", [])
    return Disk(
        id=_id(block, drive, interfaces.get(PARTITION, {})),
        block=path,
        drive=drive_path,
        name=_name(block, drive),
        label=str(block.get("IdLabel", "")),
        filesystem=str(block.get("IdType", "")),
        usage=str(block.get("IdUsage", "")),
        size_bytes=int(block.get("Size", 0)),
        mount_points=tuple(os.fsdecode(bytes(place).rstrip(b"\0")) for place in places),
        is_read_only=bool(block.get("ReadOnly", False)),
        is_encrypted=ENCRYPTED in interfaces or block.get("IdUsage") == "crypto",
        can_power_off=bool(drive.get("CanPowerOff", False)),
        can_eject=bool(drive.get("Ejectable", False)),
    )


def _id(block: Properties, drive: Properties, partition: Properties) -> str:
    if block.get("IdUsage") == "filesystem" and block.get("IdUUID"):
        return str(block["IdUUID"])
    # Nothing on a blank disk names it; its serial number and the partition's number do, or the
    # sequence number that the kernel gives each disk that appears.
    known = str(block.get("Id") or drive.get("Id") or _sequence(block))
    return f"blank:{known}-{partition.get('Number', 0)}"


def _sequence(block: Properties) -> str:
    links = [os.fsdecode(bytes(link).rstrip(b"\0")) for link in block.get("Symlinks", [])]
    return next((link for link in links if "/by-diskseq/" in link), "unknown").rpartition("/")[2]


def _name(block: Properties, drive: Properties) -> str:
    """What is printed on it, as far as it says, and the size that it was sold as."""
    makers = " ".join(
        part for part in (str(drive.get("Vendor", "")), str(drive.get("Model", ""))) if part
    )
    said = "".join(char for char in makers if char.isprintable()).strip() or "disk"
    return f"{said}, {in_words(int(block.get('Size', 0)))}"


def _number(block: Properties) -> str | None:
    number = block.get("DeviceNumber")
    return None if number is None else f"{os.major(number)}:{os.minor(number)}"


def _drive(interfaces: Mapping[str, Properties]) -> str | None:
    path = interfaces.get(BLOCK, {}).get("Drive", _NONE)
    return None if path == _NONE else str(path)


def _table(interfaces: Mapping[str, Properties]) -> str | None:
    return interfaces.get(PARTITION, {}).get("Table")


def _marked(disk: Disk, *, is_twin: bool) -> Disk:
    return replace(disk, is_twin=is_twin) if is_twin else disk
