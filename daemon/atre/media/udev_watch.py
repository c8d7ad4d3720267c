# SPDX-License-Identifier: Apache-2.0
"""Hears of disks that are plugged in and pulled out, whether UDisks2 is there or not."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

_UDEV_RUNS = Path("/run/udev/control")


class UdevWatch:
    """Calls ``on_event`` from a thread of its own for every block device that comes, goes, changes.

    The event says only that there is something to look at: what, UDisks2 and the mounts know.
    """

    def __init__(self, on_event: Callable[[], None]) -> None:
        self._on_event = on_event
        self._observer: Any = None

    def start(self) -> bool:
        """Begin; whether this system tells of devices at all."""
        try:
            import pyudev  # noqa: PLC0415 -- it is installed on Linux only

            # Without udevd, as in many containers, the kernel's own events are what there is.
            source = "udev" if _UDEV_RUNS.exists() else "kernel"
            monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source=source)
            monitor.filter_by("block")
            self._observer = pyudev.MonitorObserver(
                monitor, callback=self._hear, name="udev", daemon=True
            )
            self._observer.start()
        except (OSError, ImportError) as error:  # no libudev, or netlink is closed to us
            _log.warning("disks that are plugged in are not noticed (%s)", error)
            self._observer = None
            return False
        return True

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer = None

    def _hear(self, device: Any) -> None:
        _log.debug("%s: %s", device.sys_name, device.action)
        self._on_event()
