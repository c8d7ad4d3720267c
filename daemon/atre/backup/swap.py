# SPDX-License-Identifier: Apache-2.0
"""One state of a box put in the place of another, so that a power cut leaves one or the other.

In ``restore/`` of the data directory::

    swap.json   what is to be exchanged, and how far it is
    staged/     the state that waits
    previous/   the state that was replaced, until somebody confirms

The exchange itself happens at a start of the box, before anything is opened. Each item is renamed
twice, out and in. Which ones come in is noted before; how far it got is seen from what lies where,
so that the same call goes on wherever the last one was cut. An undo is the same exchange,
with the replaced state as the one that waits.
"""

import os
import shutil
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.backup.models_wanted import take_in
from atre.backup.place import Place
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_replies import RestorePhase, RestoreState
from atre.system.durable import write_durably

STAGED = "staged"
_PREVIOUS = "previous"
_FILE = "swap.json"
_ORDERED = {
    RestorePhase.ORDERED: RestorePhase.APPLIED,
    RestorePhase.UNDO_ORDERED: RestorePhase.UNDONE,
}


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """What is exchanged: the ``items`` of the data directory, those that come in ``incoming``."""

    phase: RestorePhase
    snapshot: str
    snapshot_at: float
    unit: str
    at: float
    items: tuple[str, ...]
    incoming: tuple[str, ...] = ()


def read_swap(place: Place) -> Swap | None:
    """The exchange that nobody confirmed yet, if there is one."""
    try:
        return msgspec.json.decode((place.restore_dir / _FILE).read_bytes(), type=Swap)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def begin(place: Place, swap: Swap) -> None:
    """Note a staged state, all of it on the disk. Raises OSError."""
    sync_tree(place.restore_dir / STAGED)
    _write(place, swap)


def drop(place: Place) -> None:
    """Remove what waits or was replaced, whatever its phase. Raises OSError."""
    (place.restore_dir / _FILE).unlink(missing_ok=True)
    if place.restore_dir.is_dir():
        sync_folder(place.restore_dir)
        shutil.rmtree(place.restore_dir)


def order(place: Place) -> Swap:
    """Have the staged state applied at the next start. Raises BackupError, OSError."""
    swap = _expect(place, RestorePhase.STAGED)
    ordered = replace(swap, phase=RestorePhase.ORDERED, incoming=_incoming(place, swap))
    _write(place, ordered)
    return ordered


def confirm(place: Place) -> None:
    """Keep the present state for good. Raises BackupError, OSError."""
    _expect(place, RestorePhase.APPLIED, RestorePhase.UNDONE)
    drop(place)


def undo(place: Place) -> Swap | None:
    """Drop a staged state, or have the replaced one back at the next start, which is returned.

    Raises BackupError if there is nothing to undo, and OSError.
    """
    swap = _expect(place, RestorePhase.STAGED, RestorePhase.ORDERED, RestorePhase.APPLIED)
    if swap.phase is not RestorePhase.APPLIED:
        drop(place)
        return None
    staged, previous = place.restore_dir / STAGED, place.restore_dir / _PREVIOUS
    if previous.exists():  # or a cut came between this rename and the note below
        shutil.rmtree(staged, ignore_errors=True)
        previous.rename(staged)
        sync_folder(place.restore_dir)
    incoming = _incoming(place, swap)
    ordered = replace(swap, phase=RestorePhase.UNDO_ORDERED, incoming=incoming)
    _write(place, ordered)
    return ordered


def finish(place: Place) -> RestorePhase | None:
    """Carry out what was ordered; the box calls this at each start, before anything is opened.

    Returns the new phase, None if nothing was ordered. Raises OSError; a later call goes on.
    """
    swap = read_swap(place)
    if swap is None or swap.phase not in _ORDERED:
        return None
    staged, previous = place.restore_dir / STAGED, place.restore_dir / _PREVIOUS
    staged.mkdir(mode=0o700, exist_ok=True)
    previous.mkdir(mode=0o700, exist_ok=True)
    for name in swap.items:
        _exchange(
            place.data_dir / name,
            staged / name,
            previous / name,
            is_incoming=name in swap.incoming,
        )
    take_in(staged, place.store)
    shutil.rmtree(staged)
    phase = _ORDERED[swap.phase]
    _write(place, replace(swap, phase=phase))
    return phase


def check_free(place: Place) -> None:
    """Raises BackupError while a restore waits for its confirmation."""
    swap = read_swap(place)
    if swap is not None and swap.phase is not RestorePhase.STAGED:
        raise BackupError(
            "A restore is not confirmed yet. Confirm it, or undo it, first.",
            "Une restauration n’est pas encore confirmée. Confirmez-la ou annulez-la d’abord.",
            problem=BackupProblem.STATE,
        )


def state_of(place: Place) -> RestoreState | None:
    """What people may see of it."""
    swap = read_swap(place)
    if swap is None:
        return None
    return RestoreState(
        phase=swap.phase,
        snapshot=swap.snapshot,
        snapshot_at=swap.snapshot_at,
        unit=swap.unit,
        at=swap.at,
        kept_bytes=_size(place.restore_dir),
    )


def sync_folder(folder: Path) -> None:
    """Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Have every file and folder below on the disk. Raises OSError."""
    for root, _, names in os.walk(folder):
        for name in names:
            sync_folder(Path(root) / name)
        sync_folder(Path(root))


def _exchange(current: Path, staged: Path, previous: Path, *, is_incoming: bool) -> None:
    is_pending = os.path.lexists(staged) if is_incoming else True
    if not is_pending:
        return
    if os.path.lexists(current):
        current.rename(previous)
        sync_folder(previous.parent)
        sync_folder(current.parent)
    if is_incoming:
        staged.rename(current)
        sync_folder(current.parent)
        sync_folder(staged.parent)


def _incoming(place: Place, swap: Swap) -> tuple[str, ...]:
    staged = place.restore_dir / STAGED
    return tuple(name for name in swap.items if os.path.lexists(staged / name))


def _expect(place: Place, *phases: RestorePhase) -> Swap:
    swap = read_swap(place)
    if swap is None or swap.phase not in phases:
        raise BackupError(
            "There is no restore to do this with.",
            "Il n’y a pas de restauration avec laquelle le faire.",
            problem=BackupProblem.STATE,
        )
    return swap


def _write(place: Place, swap: Swap) -> None:
    write_durably(place.restore_dir / _FILE, msgspec.json.encode(swap))


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
