# SPDX-License-Identifier: Apache-2.0
"""Room that the box holds back, so that it starts, serves and deletes when its disk is full.

A file of real blocks in the data directory. It is given up one slice at a time, only by what must
work at 0 bytes free, and made whole again once there is room for it twice over.
"""

import contextlib
import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from atre.space.level import SLICE_BYTES, Room, room

_FILE = "reserve"
_MOST_SLICES = 8
# SQLite's journal fits into what is left of a slice then (wal_autocheckpoint, as for SLICE_BYTES).
_ENOUGH_BYTES = SLICE_BYTES // 2
# On a small disk no more than this share of it.
_SHARE = 8
_CHUNK = bytes(2**20)
_log = logging.getLogger(__name__)


def reserve_path(data_dir: Path) -> Path:
    """Where the reserve lies."""
    return data_dir / _FILE


def whole_bytes(found: Room) -> int:
    """How large the reserve is where there is room: 64 MiB, less on a small disk, never none."""
    num_slices = min(_MOST_SLICES, found.total_bytes // _SHARE // SLICE_BYTES)
    return max(1, num_slices) * SLICE_BYTES


def held_bytes(data_dir: Path) -> int:
    """How much of the reserve is left."""
    try:
        return reserve_path(data_dir).stat().st_size
    except OSError:
        return 0


def make_whole(data_dir: Path) -> bool:
    """Fill the reserve up if the disk has room for that and as much again; whether it is whole."""
    try:
        found = room(data_dir)
        missing = whole_bytes(found) - held_bytes(data_dir)
        if missing <= 0:
            return True
        if found.free_bytes < missing + whole_bytes(found):
            return False
        with _held(data_dir) as file:
            os.lseek(file, 0, os.SEEK_END)
            # Written, not only allocated: some filesystems promise blocks that they do not have.
            while missing > 0:
                missing -= os.write(file, _CHUNK[:missing])
            os.fsync(file)
    except OSError as error:
        _log.warning("the reserve could not be made whole (%s)", error)
        return False
    return True


def give_up_slice(data_dir: Path) -> bool:
    """Free a slice if the disk has less than half of one; whether there is as much now.

    Several processes may ask at once: who comes second finds the room that the first one made.
    """
    try:
        with _held(data_dir) as file:
            if room(data_dir).free_bytes >= _ENOUGH_BYTES:
                return True
            held = os.fstat(file).st_size
            if held == 0:
                return False
            # Shrinking frees blocks and needs none, at 0 bytes free too.
            os.ftruncate(file, max(0, held - SLICE_BYTES))
            _log.warning("the disk is full: %d bytes of the reserve are left", held - SLICE_BYTES)
            return True
    except OSError as error:
        _log.warning("the reserve could not be given up (%s)", error)
        return False


def is_full(error: BaseException) -> bool:
    """Whether a write failed because the disk takes no more."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def _held(data_dir: Path) -> Iterator[int]:
    """The reserve's file, for one process at a time."""
    file = os.open(reserve_path(data_dir), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)
