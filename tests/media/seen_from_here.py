# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

from atre.media.disk import Disk
from atre.media.udisks import UDisks


class SeenFromHere:
    """UDisks2 mounts in a namespace of its own: the same places, as this process reaches them."""

    def __init__(self, disks: UDisks, root: Path) -> None:
        self._disks = disks
        self._root = root
        self.unmount, self.release = disks.unmount, disks.release
        self.format, self.close = disks.format, disks.close

    def disks(self) -> list[Disk]:
        return [
            replace(each, mount_points=tuple(str(self._here(at)) for at in each.mount_points))
            for each in self._disks.disks()
        ]

    def mount(self, disk: Disk) -> Path:
        place = self._disks.mount(disk)
        return place if disk.mount_points else self._here(str(place))

    def _here(self, place: str) -> Path:
        return self._root / place.lstrip("/")
