# SPDX-License-Identifier: Apache-2.0
"""Whether something fits, asked before anything is written."""

import os
from pathlib import Path

from atre.errors import BackupError, BackupProblem, MediaError
from atre.space.estimate import BackupSize, require_room_for_backup
from atre.space.words import in_words

# What the box needs to go on.
RESERVE_BYTES = 64 * 2**20


def free_bytes(folder: Path) -> int | None:
    """None for a folder that is away."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize


def require_target_room(size: BackupSize, free: int) -> None:
    """Raises BackupError unless such a backup fits on its target."""
    try:
        require_room_for_backup(size, free)
    except MediaError as error:
        raise BackupError(str(error), error.french, problem=BackupProblem.FULL) from error


def require_room(folder: Path, needed_bytes: int) -> None:
    """Raises BackupError unless so much fits on the box's own disk."""
    free = free_bytes(folder)
    if free is not None and needed_bytes + RESERVE_BYTES > free:
        raise BackupError(
            f"The box's own disk needs {in_words(needed_bytes)} for this and has "
            f"{in_words(free)} free. Nothing was changed. Remove a model, or what is not needed.",
            f"Le disque du boîtier a besoin de {in_words(needed_bytes, french=True)} pour cela et "
            f"en a {in_words(free, french=True)} de libres. Rien n’a changé. Retirez un modèle, ou "
            "ce qui ne sert pas.",
            problem=BackupProblem.NO_ROOM,
        )
