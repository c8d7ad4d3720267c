# SPDX-License-Identifier: Apache-2.0
"""UDisks2 for the rest of the daemon, which has threads and no event loop."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from atre.media.disk import Disk, disks
from atre.media.failure import NO_UDISKS, DiskError, Fault
from atre.media.fitness import MADE
from atre.media.system_disk import system_devices
from atre.media.udisks_bus import UDisksBus

# What comes from outside must not run, be a device or raise rights (mount(8)).
MOUNT_OPTIONS = "nosuid,nodev,noexec"
_LONGEST_LABEL_BYTES = 16  # of ext4 (mke2fs(8), -L)
_PATIENCE_S = 100.0

T = TypeVar("T")


class UDisks:
    """The disks that are plugged in. Every method raises DiskError; safe from several threads.

    ``on_change`` is called, in a thread of its own, when something was plugged in or mounted.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        bus_address: str | None = None,
        system: Callable[[Path], frozenset[str]] = system_devices,
    ) -> None:
        self._data_dir = data_dir
        self._bus_address = bus_address
        self._system = system
        self.on_change: Callable[[], None] = lambda: None
        self._bus = UDisksBus(self._changed)
        self._connecting = asyncio.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="udisks", daemon=True)
        self._thread.start()

    def disks(self) -> list[Disk]:
        """What may be a backup's now."""
        tree = self._run(self._bus.objects)
        return disks(tree, self._system(self._data_dir))

    def version(self) -> str:
        return self._run(self._bus.version)

    def mount(self, disk: Disk) -> Path:
        """Where the disk is mounted; mounted now if it was not."""
        if disk.mount_points:
            return Path(disk.mount_points[0])
        return Path(self._run(lambda: self._bus.mount(disk.block, MOUNT_OPTIONS)))

    def unmount(self, disk: Disk) -> None:
        """Write out and unmount; a disk in use is refused."""
        for _ in disk.mount_points:
            self._run(lambda: self._bus.unmount(disk.block))

    def release(self, disk: Disk) -> None:
        """Unmount, and switch the drive off if that is its only filesystem that is mounted."""
        self.unmount(disk)
        others = [each for each in self.disks() if each.drive == disk.drive and each.mount_points]
        drive = disk.drive
        if drive is None or others or not (disk.can_power_off or disk.can_eject):
            return
        self._run(lambda: self._bus.switch_off(drive, can_power_off=disk.can_power_off))

    def format(self, disk: Disk, label: str) -> None:
        """Erase the disk. Asked anew whether it is there and no part of the system."""
        if not any(each.block == disk.block and each.id == disk.id for each in self.disks()):
            raise DiskError(
                "The disk is no longer there. Plug it in again.",
                "Le disque n’est plus là. Rebranchez-le.",
                Fault.OTHER,
            )
        short = label.encode()[:_LONGEST_LABEL_BYTES].decode("utf-8", "ignore")
        self._run(lambda: self._bus.format(disk.block, MADE, short))

    def close(self) -> None:
        """Disconnect and end the thread."""
        asyncio.run_coroutine_threadsafe(self._bus.close(), self._loop).result(_PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _changed(self) -> None:
        self.on_change()

    def _run(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async def connected() -> T:
            async with self._connecting:
                if not self._bus.is_connected:
                    await self._bus.connect(self._bus_address)
            return await make()

        try:
            return asyncio.run_coroutine_threadsafe(connected(), self._loop).result(_PATIENCE_S)
        except TimeoutError as error:
            raise DiskError(*NO_UDISKS) from error
