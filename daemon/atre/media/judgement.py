# SPDX-License-Identifier: Apache-2.0
"""What a target is worth now, and how it is shown."""

from pathlib import Path

from atre.errors import MediaError
from atre.ipc.media_messages import DiskState, TargetKind, TargetState
from atre.media import sftp
from atre.media.disk import Disk
from atre.media.fitness import judged
from atre.media.plugged import Plugged
from atre.media.record import DiskRecord, FolderRecord, Record, SftpRecord
from atre.media.words import SAID
from atre.sentence import Sentence
from atre.space.level import SLICE_BYTES, Room, room

READY = (TargetState.READY, TargetState.IN_USE)
READABLE = (*READY, TargetState.FULL, TargetState.READ_ONLY)

Judged = tuple[TargetState, Sentence | None]


def judged_disk(
    record: DiskRecord, disk: Disk | None, plugged: Plugged, problem: Sentence | None
) -> Judged:
    """The state of a disk; ``problem`` says why nobody knows which disks there are."""
    if problem is not None:
        return TargetState.NO_SERVICE, problem
    for is_so, state in (
        (plugged.was_pulled(record.uuid), TargetState.PULLED),
        (plugged.is_released(record.uuid), TargetState.RELEASED),
        (disk is None, TargetState.ABSENT),
        (plugged.is_held(record.uuid), TargetState.IN_USE),
    ):
        if is_so:
            return state, SAID[state]
    return (TargetState.ABSENT, None) if disk is None else _of_idle(disk)


def _of_idle(disk: Disk) -> Judged:
    fit, reason = judged(disk)
    if fit is DiskState.READ_ONLY:
        return TargetState.READ_ONLY, reason
    if fit is not DiskState.OFFERED:
        return TargetState.UNSUITABLE, reason
    return (
        unless_full(Path(disk.mount_points[0])) if disk.mount_points else (TargetState.READY, None)
    )


def server_state(record: SftpRecord) -> Judged:
    """Whether a server answers, with the key that was confirmed."""
    try:
        key = sftp.ask_host(record.host, record.port, timeout_s=1)
    except MediaError as error:
        return TargetState.UNREACHABLE, Sentence(str(error), error.french)
    if key.line != record.host_key:
        changed = sftp.HostChangedError(record.host)
        return TargetState.HOST_CHANGED, Sentence(str(changed), changed.french)
    return TargetState.READY, None


def unless_full(path: Path) -> Judged:
    """Ready, but for room."""
    try:
        free_bytes = room(path).free_bytes
    except OSError:
        return TargetState.ABSENT, SAID[TargetState.ABSENT]
    if free_bytes < SLICE_BYTES:
        return TargetState.FULL, SAID[TargetState.FULL]
    return TargetState.READY, None


def room_of(record: Record, disk: Disk | None) -> Room | None:
    """The room of a target, None where it is not mounted or somewhere else."""
    path = record.path if isinstance(record, FolderRecord) else None
    if disk is not None and disk.mount_points:
        path = disk.mount_points[0]
    try:
        return room(Path(path)) if path else None
    except OSError:
        return None


def kind_of(record: Record) -> TargetKind:
    """The kind, for people."""
    match record:
        case DiskRecord():
            return TargetKind.DISK
        case SftpRecord():
            return TargetKind.SFTP
        case FolderRecord():
            return TargetKind.MOUNT if record.mounted else TargetKind.FOLDER


def shown(record: Record) -> str:
    """Where it is, for people."""
    match record:
        case DiskRecord():
            return record.name
        case FolderRecord():
            return record.path
        case SftpRecord():
            return f"{record.user}@{record.host}:{record.path}"
