# SPDX-License-Identifier: Apache-2.0
"""Whether something fits, asked before anything is written."""

import os
from pathlib import Path

from atre.errors import BackupError, BackupProblem
from atre.models.disk import in_words

# What a prune needs to repack, and what the box needs to go on.
RESERVE_BYTES = 64 * 2**20


def free_bytes(folder: Path) -> int | None:
    """None for a folder that is away."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize


def fits(needed_bytes: int, free: int | None) -> bool:
    """A server does not say what is free; restic's own error comes then."""
    return free is None or needed_bytes + RESERVE_BYTES <= free


def too_large_for_target(needed_bytes: int, free: int) -> BackupError:
    """The refusal of a backup that does not fit."""
    return BackupError(
        f"This backup needs {in_words(needed_bytes)}, and the disk has {in_words(free)} free, of "
        f"which {in_words(RESERVE_BYTES)} are kept. Nothing was written. Use a larger disk.",
        f"Cette sauvegarde demande {in_words(needed_bytes, french=True)}, et le disque a "
        f"{in_words(free, french=True)} libres, dont {in_words(RESERVE_BYTES, french=True)} sont "
        "gardés. Rien n’a été écrit. Prenez un disque plus grand.",
        problem=BackupProblem.FULL,
    )


def require_room(folder: Path, needed_bytes: int) -> None:
    """Raises BackupError unless so much fits on the box's own disk."""
    free = free_bytes(folder)
    if free is not None and not fits(needed_bytes, free):
        raise BackupError(
            f"The box's own disk needs {in_words(needed_bytes)} for this and has "
            f"{in_words(free)} free. Nothing was changed. Remove a model, or what is not needed.",
            f"Le disque du boîtier a besoin de {in_words(needed_bytes, french=True)} pour cela et "
            f"en a {in_words(free, french=True)} de libres. Rien n’a changé. Retirez un modèle, ou "
            "ce qui ne sert pas.",
            problem=BackupProblem.NO_ROOM,
        )
