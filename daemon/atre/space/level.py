# SPDX-License-Identifier: Apache-2.0
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

# Models are several of these; databases and logs need some at once.
LOW_BYTES = 10 * 10**9
CRITICAL_BYTES = 10**9
# What one bad moment needs: a start, a sign-in or a delete, with its journal, which SQLite writes
# back at 1000 pages of 4 KiB (wal_autocheckpoint).
SLICE_BYTES = 8 * 2**20
# Enough for many questions and answers.
REUSABLE_BYTES = 256 * 2**10


class SpaceLevel(StrEnum):
    """How much room the box's own disk has; at ``FULL`` nothing new is kept."""

    OK = "ok"
    LOW = "low"
    CRITICAL = "critical"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Room:
    """A disk's room, as an unprivileged program may use it (statvfs(3), f_bavail)."""

    free_bytes: int
    total_bytes: int


def room(directory: Path) -> Room:
    """The room on the disk of a folder. Raises OSError."""
    status = os.statvfs(directory)
    return Room(status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize)


def level(free_bytes: int, *, reusable_bytes: int = 0) -> SpaceLevel:
    """How bad it is. ``reusable_bytes`` are those that deletes left free inside the database.

    Two slices, so that a disk on which one was just given up still counts as full; a database with
    room inside takes something new all the same, its journal fits into that slice.
    """
    if free_bytes < 2 * SLICE_BYTES and reusable_bytes < REUSABLE_BYTES:
        return SpaceLevel.FULL
    if free_bytes < CRITICAL_BYTES:
        return SpaceLevel.CRITICAL
    return SpaceLevel.LOW if free_bytes < LOW_BYTES else SpaceLevel.OK
