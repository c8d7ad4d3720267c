# SPDX-License-Identifier: Apache-2.0
"""Whether a backup will fit, asked before a byte of it is written. Pure decisions."""

from dataclasses import dataclass

from atre.errors import MediaError
from atre.space.words import in_words

# Indexes, the tree of folders and the snapshot itself, and that compression may gain nothing.
_OVERHEAD = 1.05
# Packs are at most 128 MiB (restic manual, "pack size"); one is written before it is known whole.
_LEAST_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSize:
    """What goes in. ``changed_bytes`` is what the last backup has not got; None without one.

    ``stored_bytes`` of ``last_bytes`` is what the last backup of everything took when stored: how
    well this office's data is compressed; None without one.
    """

    total_bytes: int
    changed_bytes: int | None = None
    last_bytes: int | None = None
    stored_bytes: int | None = None


def bytes_needed(size: BackupSize) -> int:
    """The most that a backup will take on its target.

    Everything counts as new where there is no last backup; what is compressed is only believed as
    far as the last backup showed it, and never counted as more than it was.
    """
    new = size.total_bytes if size.changed_bytes is None else size.changed_bytes
    new = max(0, min(new, size.total_bytes))
    if size.last_bytes and size.stored_bytes is not None:
        new = int(new * min(1.0, size.stored_bytes / size.last_bytes))
    return int(new * _OVERHEAD) + _least(size.total_bytes)


def require_room_for_backup(size: BackupSize, free_bytes: int) -> None:
    """Refuse a backup that would not fit. Raises MediaError, with both numbers."""
    needed = bytes_needed(size)
    if needed <= free_bytes:
        return
    raise MediaError(
        f"The backup needs up to {in_words(needed)}, and the target has {in_words(free_bytes)} "
        "free. Nothing was written. Keep fewer old backups there, or plug in a larger disk.",
        f"La sauvegarde demande jusqu’à {in_words(needed, french=True)}, et la destination a "
        f"{in_words(free_bytes, french=True)} de libre. Rien n’a été écrit. Gardez-y moins "
        "d’anciennes sauvegardes, ou branchez un disque plus grand.",
    )


def _least(total_bytes: int) -> int:
    """Room for one pack and the lists, which a small box does not fill."""
    return min(_LEAST_BYTES, total_bytes + 2**20)
