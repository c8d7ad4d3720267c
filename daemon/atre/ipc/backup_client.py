# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import TypeVar

from atre.ipc.backup_messages import (
    AddKey,
    ApplyRestore,
    BackupOrder,
    BackupRequest,
    CancelBackup,
    ConfirmRestore,
    ConfirmSheet,
    CreateBackup,
    DescribeBackups,
    DrillBackup,
    ListKeys,
    ListSnapshots,
    PreviewRestore,
    RemoveKey,
    SetBackupPolicy,
    ShowSheet,
    StageRestore,
    UndoRestore,
    VerifyBackup,
)
from atre.ipc.backup_replies import (
    BackupJob,
    BackupOverview,
    BackupPolicy,
    KeyListing,
    RecoverySheet,
    RestorePreview,
    SnapshotListing,
)
from atre.ipc.message import Message
from atre.ipc.peer import Peer

# A disk that was asleep spins up, a server is far, scrypt takes a second.
_TIMEOUT_S = 120.0
# A server that is down is only given up after seconds.
_LOOK_S = 15.0

Reply = TypeVar("Reply", bound=Message)

# Of all others: the overview.
_REPLIES: dict[type, type[Message]] = {
    ListSnapshots: SnapshotListing,
    PreviewRestore: RestorePreview,
    CreateBackup: BackupJob,
    VerifyBackup: BackupJob,
    DrillBackup: BackupJob,
    StageRestore: BackupJob,
    CancelBackup: BackupJob,
    ShowSheet: RecoverySheet,
    ListKeys: KeyListing,
    AddKey: KeyListing,
    RemoveKey: KeyListing,
}


class BackupClient:
    """Asks ``atred`` about backups. Cheap to make, safe to share between threads.

    Every method raises BackupError for what cannot be done, and EngineUnavailableError while the
    daemon is down.
    """

    def __init__(self, socket_path: Path) -> None:
        self._peer = Peer(socket_path, "management daemon", "service d’administration")

    def answer(self, request: BackupRequest) -> Message:
        """The reply to any of the requests."""
        return self._ask(request, _REPLIES.get(type(request), BackupOverview))

    def describe(self) -> BackupOverview:
        return self._peer.ask(DescribeBackups(), BackupOverview, timeout_s=_LOOK_S)

    def set_policy(self, policy: BackupPolicy) -> BackupOverview:
        return self._ask(SetBackupPolicy(policy=policy), BackupOverview)

    def start(self, order: BackupOrder) -> BackupJob:
        """Begin a backup, a check, a drill, or the staging of a restore."""
        return self._ask(order, BackupJob)

    def cancel(self) -> BackupJob:
        return self._ask(CancelBackup(), BackupJob)

    def snapshots(self, request: ListSnapshots) -> SnapshotListing:
        """Takes seconds."""
        return self._ask(request, SnapshotListing)

    def preview(self, request: PreviewRestore) -> RestorePreview:
        """Takes seconds."""
        return self._ask(request, RestorePreview)

    def apply_restore(self) -> BackupOverview:
        """The box starts anew right after the reply."""
        return self._ask(ApplyRestore(), BackupOverview)

    def confirm_restore(self) -> BackupOverview:
        return self._ask(ConfirmRestore(), BackupOverview)

    def undo_restore(self) -> BackupOverview:
        """The box starts anew right after the reply, if the restore was applied."""
        return self._ask(UndoRestore(), BackupOverview)

    def sheet(self, *, renew: bool = False) -> RecoverySheet:
        return self._ask(ShowSheet(renew=renew), RecoverySheet)

    def confirm_sheet(self, key: str) -> BackupOverview:
        return self._ask(ConfirmSheet(key=key), BackupOverview)

    def keys(self, target: str) -> KeyListing:
        """Takes seconds."""
        request = ListKeys(target=target)
        return self._ask(request, KeyListing)

    def add_key(self, request: AddKey) -> KeyListing:
        """Takes seconds."""
        return self._ask(request, KeyListing)

    def remove_key(self, target: str, key_id: str) -> KeyListing:
        """Takes seconds."""
        request = RemoveKey(target=target, key_id=key_id)
        return self._ask(request, KeyListing)

    def _ask(self, request: BackupRequest, kind: type[Reply]) -> Reply:
        return self._peer.ask(request, kind, timeout_s=_TIMEOUT_S)
