# SPDX-License-Identifier: Apache-2.0
"""A folder as a target: whether it is the right one, is mounted, and can be written to.

Where a share is not mounted, its mount point is an empty folder of the system disk: a backup there
would look like one and fill the disk. So a mark inside says which target this is.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from atre.errors import MediaError
from atre.ipc.media_messages import TargetState
from atre.media.mounts import Mount, mount_of, mounts_now
from atre.media.record import FolderRecord
from atre.sentence import Sentence

MARK = ".atre-target"
_LONGEST_MARK = 200

Mounts = Callable[[], Sequence[Mount]]

_GONE = Sentence(
    "The folder is not there. Check the path, or mount what belongs there.",
    "Le dossier n’est pas là. Vérifiez le chemin, ou montez ce qui doit s’y trouver.",
)
_NOT_MOUNTED = Sentence(
    "Nothing is mounted there: a backup would end up on the box's own disk. Mount the share.",
    "Rien n’y est monté\N{NO-BREAK SPACE}: une sauvegarde finirait sur le disque du boîtier. "
    "Montez le partage.",
)
_NO_MARK = Sentence(
    "Something is mounted there, but not what was chosen: the box's mark is missing. Mount the "
    "right share, or remove the target and add it again.",
    "Quelque chose y est monté, mais pas ce qui avait été choisi\N{NO-BREAK SPACE}: la marque du "
    "boîtier n’y est pas. Montez le bon partage, ou retirez cette destination et ajoutez-la à "
    "nouveau.",
)
_FOREIGN = Sentence(
    "This place carries the mark of another target. Remove the target and add it again if this is "
    "what you want.",
    "Cet endroit porte la marque d’une autre destination. Retirez celle-ci et ajoutez-la à nouveau "
    "si c’est bien ce que vous voulez.",
)
_READ_ONLY = Sentence(
    "The box may not write there. Check the rights, and whether it is mounted read-only.",
    "Le boîtier ne peut pas y écrire. Vérifiez les droits, et si le montage est en lecture seule.",
)


def folder_state(
    record: FolderRecord, mounts: Mounts = mounts_now
) -> tuple[TargetState, Sentence | None]:
    """Whether a backup can go there now, and why not."""
    path = Path(record.path)
    if not path.is_dir():
        return TargetState.ABSENT, _GONE
    if record.mounted and not is_mounted(path, mounts()):
        return TargetState.UNPROVEN, _NOT_MOUNTED
    found = read_mark(path)
    if found is None:
        # A folder of this disk may have been emptied; a mount without the mark is another one.
        return (TargetState.UNPROVEN, _NO_MARK) if record.mounted else _writable(path)
    if found != record.id:
        return TargetState.FOREIGN, _FOREIGN
    return _writable(path)


def claim_folder(record: FolderRecord, data_dir: Path, mounts: Mounts = mounts_now) -> None:
    """Put the mark on a new target. Raises MediaError where it cannot be one."""
    path = Path(record.path)
    if not path.is_absolute() or ".." in path.parts or not record.path.isprintable():
        raise MediaError(
            "The path must be whole, from / on, without '..'.",
            "Le chemin doit être complet, à partir de /, sans deux points de suite.",
        )
    resolved = path.resolve()
    own = data_dir.resolve()
    if resolved.is_relative_to(own) or own.is_relative_to(resolved):
        raise MediaError(
            "Backups cannot lie in the folder that is backed up. Choose one elsewhere.",
            "Les sauvegardes ne peuvent pas se trouver dans le dossier sauvegardé. Choisissez-en "
            "un ailleurs.",
        )
    if not path.is_dir():
        raise _error(_GONE)
    if record.mounted and not is_mounted(path, mounts()):
        raise _error(_NOT_MOUNTED)
    try:
        # Many small files are not worth durability here: a mark that a power cut took is made anew
        # by adding the target again.
        (path / MARK).write_text(record.id + "\n", "ascii")
    except OSError as error:
        raise _error(_READ_ONLY) from error


def is_mounted(path: Path, mounts: Sequence[Mount]) -> bool:
    """Whether a path lies on something that was mounted, not on the root filesystem."""
    resolved = path.resolve()
    found, root = mount_of(resolved, mounts), mount_of(Path("/"), mounts)
    if found is None:  # a system without mountinfo: the device number says as much
        return resolved.stat().st_dev != Path("/").stat().st_dev
    return found.place != "/" and (root is None or found.device != root.device)


def read_mark(path: Path) -> str | None:
    """The target whose mark a folder carries, None without one."""
    try:
        with (path / MARK).open("r", encoding="ascii", errors="replace") as file:
            return file.read(_LONGEST_MARK).strip() or None
    except OSError:
        return None


def _writable(path: Path) -> tuple[TargetState, Sentence | None]:
    is_writable = os.access(path, os.W_OK | os.X_OK)
    return (TargetState.READY, None) if is_writable else (TargetState.READ_ONLY, _READ_ONLY)


def _error(sentence: Sentence) -> MediaError:
    return MediaError(sentence.text, sentence.text_fr)
