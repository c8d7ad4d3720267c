# SPDX-License-Identifier: Apache-2.0
"""Room on disks: how much there is, what is kept back for bad days, and what would not fit."""

from atre.space.estimate import BackupSize, bytes_needed, require_room_for_backup
from atre.space.level import Room, SpaceLevel, level

__all__ = [
    "BackupSize",
    "Room",
    "SpaceLevel",
    "bytes_needed",
    "level",
    "require_room_for_backup",
]
