# SPDX-License-Identifier: Apache-2.0
"""Whether backups can be kept on a disk, and why not. Pure decisions."""

from atre.ipc.media_messages import DiskState
from atre.media.disk import Disk
from atre.sentence import Sentence

# What Linux writes well. Of vfat a file has at most 4 GB, of which restic's packs are far from.
_FITTING = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "exfat", "vfat", "ntfs"})
# Made on request: it has a journal, so that a pulled plug costs no more than the last files.
MADE = "ext4"

_LOCKED = Sentence(
    "The disk is encrypted (LUKS), and the box does not open it. Backups are encrypted anyway: "
    "bring a disk without, or format this one.",
    "Le disque est chiffré (LUKS) et le boîtier ne l’ouvre pas. Les sauvegardes sont chiffrées de "
    "toute façon\N{NO-BREAK SPACE}: apportez un disque qui ne l’est pas, ou formatez celui-ci.",
)
_READ_ONLY = Sentence(
    "The disk cannot be written to. Move its lock switch, or bring another.",
    "Le disque ne peut pas être écrit. Déplacez son verrou, ou apportez-en un autre.",
)
_BLANK = Sentence(
    "The disk has no filesystem yet. The box can format it: everything on it is then erased.",
    "Le disque n’a pas encore de système de fichiers. Le boîtier peut le formater\N{NO-BREAK SPACE}"
    ": tout ce qui s’y trouve est alors effacé.",
)
_TWIN = Sentence(
    "Two disks that are plugged in are copies of each other, down to their number. Unplug one.",
    "Deux disques branchés sont la copie l’un de l’autre, jusqu’à leur numéro. Débranchez-en un.",
)


def judged(disk: Disk) -> tuple[DiskState, Sentence | None]:
    """What can be done with a disk, and what stands against more."""
    if disk.is_encrypted:
        return DiskState.LOCKED, _LOCKED
    if disk.is_twin:
        return DiskState.UNSUITABLE, _TWIN
    if disk.is_read_only:
        return DiskState.READ_ONLY, _READ_ONLY
    if disk.is_blank:
        return DiskState.BLANK, _BLANK
    if disk.filesystem not in _FITTING:
        return DiskState.UNSUITABLE, _unsuitable(disk.filesystem or disk.usage)
    return DiskState.OFFERED, None


def can_be_formatted(disk: Disk) -> bool:
    """Whether erasing it is offered: nothing is on it, or nothing that this system can use."""
    state, _ = judged(disk)
    is_useless = state in (DiskState.BLANK, DiskState.LOCKED, DiskState.UNSUITABLE)
    return is_useless and not (disk.is_twin or disk.is_read_only or disk.mount_points)


def confirmation(disk: Disk) -> str:
    """What a person types before everything on the disk is erased: the name that it shows."""
    return disk.name


def _unsuitable(kind: str) -> Sentence:
    return Sentence(
        f"The disk has a filesystem ({kind}) that the box does not write. Bring one with ext4 or "
        "exFAT, or format this one: everything on it is then erased.",
        f"Le disque a un système de fichiers ({kind}) que le boîtier n’écrit pas. Apportez-en un "
        "en ext4 ou exFAT, ou formatez celui-ci\N{NO-BREAK SPACE}: tout ce qui s’y trouve est "
        "alors effacé.",
    )
