# SPDX-License-Identifier: Apache-2.0
"""What crosses ``atred.sock`` about where backups go: fixed verbs, one reply each.

``DescribeTargets``, ``AddDiskTarget``, ``AddFolderTarget``, ``AddSftpTarget``, ``RenameTarget``,
``RemoveTarget``, ``ReleaseTarget``, ``IgnoreDisk`` and ``FormatDisk`` → ``Targets``;
``AskSftpHost`` → ``SftpHost``; ``DescribeSpace``, ``SetSpaceLimits`` → ``SpaceReport``; ``Failed``
instead of any of them. ``Targets.revision`` is another number whenever something was plugged in,
pulled out, mounted or configured: a page that shows them asks again and compares.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from atre.ipc.message import Message
from atre.sentence import Sentence
from atre.space.level import SpaceLevel
from atre.space.limits import SpaceLimits

TargetId = Annotated[str, Meta(min_length=1, max_length=64)]
DiskId = Annotated[str, Meta(min_length=1, max_length=300)]
Label = Annotated[str, Meta(min_length=1, max_length=64)]
FolderPath = Annotated[str, Meta(min_length=1, max_length=4096)]  # PATH_MAX of Linux
HostName = Annotated[str, Meta(min_length=1, max_length=253)]
UserName = Annotated[str, Meta(min_length=1, max_length=64)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Bytes = Annotated[int, Meta(ge=0)]


class TargetKind(StrEnum):
    """What a target is; ``FOLDER`` is of the box's own disk, ``MOUNT`` a mounted place."""

    DISK = "disk"
    FOLDER = "folder"
    MOUNT = "mount"
    SFTP = "sftp"


class TargetState(StrEnum):
    """Whether a backup can go there now; only ``READY`` and ``IN_USE`` hold one. Never renamed.

    ``RELEASED`` may be unplugged. ``PULLED`` went away while it was written to. ``UNPROVEN`` is a
    place where the wrong thing, or nothing, is mounted. ``FOREIGN`` holds another unit's backups.
    """

    READY = "ready"
    IN_USE = "in_use"
    RELEASED = "released"
    ABSENT = "absent"
    PULLED = "pulled"
    FULL = "full"
    READ_ONLY = "read_only"
    UNPROVEN = "unproven"
    FOREIGN = "foreign"
    UNSUITABLE = "unsuitable"
    UNREACHABLE = "unreachable"
    HOST_CHANGED = "host_changed"
    REFUSED = "refused"
    NO_SERVICE = "no_service"


class DiskState(StrEnum):
    """What can be done with a disk that is plugged in and is no target yet. Never renamed.

    ``BLANK`` has no filesystem: it can be formatted. ``IGNORED`` was offered and declined.
    """

    OFFERED = "offered"
    IGNORED = "ignored"
    BLANK = "blank"
    LOCKED = "locked"
    READ_ONLY = "read_only"
    UNSUITABLE = "unsuitable"


class TargetReport(Message, frozen=True):
    """A configured target. ``place`` is the disk, path or user@host that it is, for people.

    ``reason`` says why ``state`` is not ready and what to do. ``repository`` is the id of the
    backups there, None before the first; ``last_seen_at`` is in Unix seconds.
    """

    id: TargetId
    kind: TargetKind
    label: Label
    place: str
    state: TargetState
    reason: Sentence | None = None
    free_bytes: Bytes | None = None
    total_bytes: Bytes | None = None
    filesystem: str | None = None
    repository: str | None = None
    last_seen_at: float | None = None


class DiskReport(Message, frozen=True):
    """A disk that is plugged in and is no target: ``name`` is what is printed on it, and its size.

    ``confirmation`` is what a person types to have it formatted, None where that is not offered.
    """

    id: DiskId
    name: str
    label: str
    filesystem: str
    size_bytes: Bytes
    state: DiskState
    reason: Sentence | None = None
    confirmation: str | None = None


class DescribeTargets(Message, frozen=True):
    """Ask for the targets, and for the disks that could become one."""


class Targets(Message, frozen=True):
    """All of them. ``no_disks`` says why disks cannot be used on this machine, or is None.

    ``sftp_key`` is the box's own public key, one line of an authorized_keys file, None before the
    first ``AskSftpHost``.
    """

    revision: int
    targets: list[TargetReport]
    disks: list[DiskReport]
    no_disks: Sentence | None = None
    sftp_key: str | None = None


class AddDiskTarget(Message, frozen=True):
    """Back up to the plugged-in disk ``disk``, known from now on by its filesystem's UUID."""

    disk: DiskId
    label: Label


class AddFolderTarget(Message, frozen=True):
    """Back up to a folder; ``mounted`` if it is only right while something is mounted there."""

    path: FolderPath
    label: Label
    mounted: bool = False


class AskSftpHost(Message, frozen=True):
    """Ask a server for the key by which it is known, and make the box's own."""

    host: HostName
    port: Port = 22


class SftpHost(Message, frozen=True):
    """``fingerprint`` is SHA256:…, as ssh shows it; the manager compares it with the server's."""

    host: HostName
    port: Port
    key_type: str
    fingerprint: str
    sftp_key: str


class AddSftpTarget(Message, frozen=True):
    """Back up to a folder of a server; ``fingerprint`` is the one that the manager confirmed."""

    host: HostName
    user: UserName
    path: FolderPath
    label: Label
    fingerprint: str
    port: Port = 22


class RenameTarget(Message, frozen=True):
    """Call a target otherwise, for example after the weekday of its disk."""

    target: TargetId
    label: Label


class RemoveTarget(Message, frozen=True):
    """Back up there no longer. What is stored there stays."""

    target: TargetId


class ReleaseTarget(Message, frozen=True):
    """Write everything out, unmount and switch off, so that the disk may be unplugged."""

    target: TargetId


class IgnoreDisk(Message, frozen=True):
    """Do not offer this disk again."""

    disk: DiskId


class FormatDisk(Message, frozen=True):
    """Erase everything on a blank or unsuitable disk; ``confirmation`` as ``DiskReport`` asks."""

    disk: DiskId
    confirmation: str
    label: Label


class DescribeSpace(Message, frozen=True):
    """Ask what takes the room on the box's own disk."""


class SpaceReport(Message, frozen=True):
    """``parts`` are bytes by name: models, conversations, logs, staging, reserve, other."""

    level: SpaceLevel
    free_bytes: Bytes
    total_bytes: Bytes
    parts: dict[str, int]
    limits: SpaceLimits = SpaceLimits()


class SetSpaceLimits(Message, frozen=True):
    """Let models and attached files take so much; what is there already stays."""

    limits: SpaceLimits


MediaRequest = (
    DescribeTargets
    | AddDiskTarget
    | AddFolderTarget
    | AskSftpHost
    | AddSftpTarget
    | RenameTarget
    | RemoveTarget
    | ReleaseTarget
    | IgnoreDisk
    | FormatDisk
    | DescribeSpace
    | SetSpaceLimits
)
