# SPDX-License-Identifier: Apache-2.0
"""A disk that loses its power, or is pulled: ext4 on a loop device, with the kernel's own cache.

``EXT4_IOC_SHUTDOWN`` without a flush of the log (linux/fs/ext4/ioctl.c) stops every write at once:
pages, and entries of folders, that nobody fsynced never reach the device, and the next mount plays
the journal, as after a real cut. ``noauto_da_alloc`` takes away ext4's help for programs that
rename without an fsync.
"""

import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)
_NO_LOG_FLUSH = struct.pack("I", 2)  # EXT4_GOING_FLAGS_NOLOGFLUSH
_SIZE_BYTES = 256 * 2**20  # sparse: 64 MiB of it are a reserve that the product keeps free
_THROTTLE = Path("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device")
_PATIENCE_S = 20.0
_MENDED = 1  # e2fsck(8): errors were corrected

_libc = ctypes.CDLL(None, use_errno=True)


def missing_part() -> str | None:
    """Why this machine cannot cut a disk's power, None if it can."""
    if sys.platform != "linux":
        return "a disk's power is cut through ext4's shutdown, which is Linux's"
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        return "disks to cut need root and loop devices"
    return None if shutil.which("mkfs.ext4") else "not installed: mkfs.ext4 (package e2fsprogs)"


class Disk:
    """``path`` is its root. Without a journal, a stand-in for exFAT: mended, not replayed."""

    def __init__(
        self, folder: Path, name: str, *, has_journal: bool = True, size_bytes: int = _SIZE_BYTES
    ) -> None:
        self.path = folder / name
        self._image = folder / f"{name}.img"
        self._size_bytes = size_bytes
        self._has_journal = has_journal
        self._device = Path()
        self._is_mounted = False

    def __enter__(self) -> Self:
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(self._size_bytes)
        features = () if self._has_journal else ("-O", "^has_journal")
        _call("mkfs.ext4", "-q", "-F", "-m", "0", *features, "-E", "nodiscard", str(self._image))
        # One device for the disk's life: one made anew at each mount may still have the old one's
        # cache, if some other program looks at it at that moment.
        attached = _call("losetup", "--find", "--show", str(self._image))
        self._device = Path(attached.strip())
        self.plug_in()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_mounted:
            with suppress(OSError, subprocess.CalledProcessError):
                self.cut()
            if self._is_mounted:
                _call("umount", "--lazy", str(self.path))
        _call("losetup", "--detach", str(self._device))
        self._image.unlink()
        self.path.rmdir()

    def plug_in(self, *, is_damaged: bool = False) -> None:
        """Mount it as the box's system would, mended first if nothing can be replayed."""
        if not self._has_journal or is_damaged:
            done = subprocess.run(
                ["e2fsck", "-fy", str(self._device)], capture_output=True, check=False
            )
            if done.returncode > _MENDED:
                raise OSError(f"e2fsck: {done.stdout.decode(errors='replace')}")
        options = "noauto_da_alloc,nodiscard,errors=remount-ro"
        _call("mount", "-o", options, str(self._device), str(self.path))
        self._is_mounted = True

    def stop(self) -> None:
        """From now on nothing reaches the disk, and what was not flushed is lost."""
        root = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(root, _SHUTDOWN, _NO_LOG_FLUSH)
        finally:
            os.close(root)

    def fail(self) -> None:
        """Have ext4 find an error, and go read-only as it does then."""
        trigger = Path("/sys/fs/ext4") / self._device.name / "trigger_fs_error"
        trigger.write_text("1\n")

    def slow_down(self, bytes_per_s: int) -> bool:
        """Let no more than that be written; False where the kernel has no such throttle here."""
        if not _THROTTLE.exists():
            return False
        number = self._device.stat().st_rdev
        _THROTTLE.write_text(f"{os.major(number)}:{os.minor(number)} {bytes_per_s}\n")
        return True

    def take_away(self) -> None:
        """Unmount it, once nobody has a file of it open.

        Of a killed program with threads, the first is gone before the last lets its files go.
        """
        give_up_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                _call("umount", str(self.path))
            except subprocess.CalledProcessError:
                if time.monotonic() > give_up_s:
                    raise
                time.sleep(0.02)
            else:
                break
        self._is_mounted = False

    def cut(self) -> None:
        self.stop()
        self.take_away()

    def flush(self) -> None:
        """What the kernel does by itself now and then: write everything that waits."""
        root = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _libc.syncfs(root)
        finally:
            os.close(root)


def _call(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
