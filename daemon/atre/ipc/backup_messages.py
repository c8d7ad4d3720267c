# SPDX-License-Identifier: Apache-2.0
"""What crosses ``atred.sock`` about backups: fixed verbs, one reply each.

``DescribeBackups``, ``SetBackupPolicy``, ``ConfirmSheet``, ``ApplyRestore``, ``ConfirmRestore`` and
``UndoRestore`` → ``BackupOverview``; ``ListSnapshots`` → ``SnapshotListing``; ``PreviewRestore`` →
``RestorePreview``; ``CreateBackup``, ``VerifyBackup``, ``DrillBackup``, ``ThinBackup``,
``StageRestore`` and ``CancelBackup`` → ``BackupJob``; ``ShowSheet`` → ``RecoverySheet``;
``ListKeys``, ``AddKey`` and ``RemoveKey`` → ``KeyListing``; ``Failed`` instead of any of them. A
target is named by its id or its label; ``atre.ipc.media_messages`` keeps the list of them.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from atre.ipc.backup_replies import BackupPolicy
from atre.ipc.message import Message

TargetName = Annotated[str, Meta(min_length=1, max_length=100)]
SnapshotId = Annotated[str, Meta(pattern="^(latest|[0-9a-f]{8,64})$")]
KeyId = Annotated[str, Meta(pattern="^[0-9a-f]{8,64}$")]
Unit = Annotated[str, Meta(pattern="^([0-9a-f]{8})?$")]
Secret = Annotated[str, Meta(max_length=1000)]


class DescribeBackups(Message, frozen=True):
    """Ask for everything but what only a target can tell; answered at once."""


class SetBackupPolicy(Message, frozen=True):
    """Replace the policy."""

    policy: BackupPolicy


class BackupReason(StrEnum):
    """Why a backup is made; a tag of its snapshot."""

    ASKED = "asked"
    SCHEDULED = "scheduled"
    BEFORE_UPDATE = "before-update"


class CreateBackup(Message, frozen=True):
    """Back the box up to a target now, and check a part of what lies there."""

    target: TargetName
    reason: BackupReason = BackupReason.ASKED


class VerifyBackup(Message, frozen=True):
    """Check a part of the repository, or all of it."""

    target: TargetName
    is_whole: bool = False


class DrillBackup(Message, frozen=True):
    """Bring the newest backup back beside the box, and prove that it is whole."""

    target: TargetName
    snapshot: SnapshotId = "latest"


class ThinBackup(Message, frozen=True):
    """Let old backups go by the policy now, also where the target is full."""

    target: TargetName


class ListSnapshots(Message, frozen=True):
    """Ask a target for its backups; takes seconds.

    ``unit`` "" is this box, and ``key`` "" the box's own key; else what is on the recovery sheet.
    """

    target: TargetName
    unit: Unit = ""
    key: Secret = ""


class PreviewRestore(Message, frozen=True):
    """Ask what a snapshot would bring; takes seconds."""

    target: TargetName
    snapshot: SnapshotId
    unit: Unit = ""
    key: Secret = ""


class StageRestore(Message, frozen=True):
    """Fetch a snapshot beside the box's data and check it; nothing changes before ApplyRestore."""

    target: TargetName
    snapshot: SnapshotId
    unit: Unit = ""
    key: Secret = ""


class ApplyRestore(Message, frozen=True):
    """Start the box anew with what was staged; what it has now is kept beside."""


class ConfirmRestore(Message, frozen=True):
    """What was restored is right: remove what it replaced."""


class UndoRestore(Message, frozen=True):
    """Go back to what a restore replaced, with a start of the box; before, only drop the stage."""


class CancelBackup(Message, frozen=True):
    """End the job that runs."""


class ShowSheet(Message, frozen=True):
    """Ask for the recovery sheet, made if there is none; ``renew`` makes another key."""

    renew: bool = False


class ConfirmSheet(Message, frozen=True):
    """Somebody typed the key from the printed sheet: backups count as recoverable."""

    key: Secret


class ListKeys(Message, frozen=True):
    """Ask which keys open the box's repository at a target."""

    target: TargetName


class AddKey(Message, frozen=True):
    """Let another password open the box's repository at a target; it is stored nowhere else."""

    target: TargetName
    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
    password: Secret


class RemoveKey(Message, frozen=True):
    """Take a key away; not the box's own."""

    target: TargetName
    key_id: KeyId


BackupOrder = CreateBackup | VerifyBackup | DrillBackup | ThinBackup | StageRestore
BackupRequest = (
    DescribeBackups
    | SetBackupPolicy
    | CreateBackup
    | VerifyBackup
    | DrillBackup
    | ThinBackup
    | ListSnapshots
    | PreviewRestore
    | StageRestore
    | ApplyRestore
    | ConfirmRestore
    | UndoRestore
    | CancelBackup
    | ShowSheet
    | ConfirmSheet
    | ListKeys
    | AddKey
    | RemoveKey
)
