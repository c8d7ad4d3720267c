# SPDX-License-Identifier: Apache-2.0
"""Files with holes: a disk of 12 GB of which a twentieth is written."""

import ctypes
import errno
import os
from collections.abc import Iterator

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
_KEEP_SIZE, _PUNCH_HOLE = 1, 2  # linux/falloc.h
_CHUNK = 8 * 2**20


def extents(file: int, start: int, length: int) -> Iterator[tuple[int, int]]:
    """(offset, bytes) of what is no hole between ``start`` and ``start + length``."""
    end, place = start + length, start
    while place < end:
        try:
            begin = os.lseek(file, place, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        if begin >= end:
            return
        place = min(os.lseek(file, begin, os.SEEK_HOLE), end)
        yield begin, place - begin


def punch(file: int, start: int, length: int) -> None:
    """Have these bytes read as zeros, and take no room. Raises OSError."""
    if _libc.fallocate(file, _PUNCH_HOLE | _KEEP_SIZE, start, length) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def copy(source: int, target: int, start: int, length: int, *, to: int) -> None:
    """Copy bytes between two files, holes left out: where they come, ``target`` must be a hole."""
    for begin, size in extents(source, start, length):
        for place in range(begin, begin + size, _CHUNK):
            part = os.pread(source, min(_CHUNK, begin + size - place), place)
            os.pwrite(target, part, to + place - start)
