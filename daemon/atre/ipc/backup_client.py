# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import TypeVar

from atre.ipc import backup_messages as messages
from atre.ipc import backup_replies as replies
from atre.ipc.message import Message
from atre.ipc.peer import Peer

# A disk that was asleep spins up, a server is far, scrypt takes a second.
_TIMEOUT_S = 120.0
# A server that is down is only given up after seconds.
_LOOK_S = 15.0

Reply = TypeVar("Reply", bound=Message)

# Of all others: the overview.
_REPLIES: dict[type, type[Message]] = {
    messages.ListSnapshots: replies.SnapshotListing,
    messages.PreviewRestore: replies.RestorePreview,
    messages.CreateBackup: replies.BackupJob,
    messages.VerifyBackup: replies.BackupJob,
    messages.DrillBackup: replies.BackupJob,
    messages.ThinBackup: replies.BackupJob,
    messages.StageRestore: replies.BackupJob,
    messages.CancelBackup: replies.BackupJob,
    messages.ShowSheet: replies.RecoverySheet,
    messages.ListKeys: replies.KeyListing,
    messages.AddKey: replies.KeyListing,
    messages.RemoveKey: replies.KeyListing,
}


class BackupClient:
    """Asks ``atred`` about backups. Cheap to make, safe to share between threads.

    Every method raises BackupError for what cannot be done, and EngineUnavailableError while the
    daemon is down.
    """

    def __init__(self, socket_path: Path) -> None:
        self._peer = Peer(socket_path, "management daemon", "service d’administration")

    def answer(self, request: messages.BackupRequest) -> Message:
        """The reply to any of the requests."""
        return self._ask(request, _REPLIES.get(type(request), replies.BackupOverview))

    def describe(self, *, timeout_s: float = _LOOK_S) -> replies.BackupOverview:
        request = messages.DescribeBackups()
        return self._peer.ask(request, replies.BackupOverview, timeout_s=timeout_s)

    def set_policy(self, policy: replies.BackupPolicy) -> replies.BackupOverview:
        return self._ask(messages.SetBackupPolicy(policy=policy), replies.BackupOverview)

    def start(self, order: messages.BackupOrder) -> replies.BackupJob:
        """Begin a backup, a check, a drill, or the staging of a restore."""
        return self._ask(order, replies.BackupJob)

    def cancel(self) -> replies.BackupJob:
        return self._ask(messages.CancelBackup(), replies.BackupJob)

    def snapshots(self, request: messages.ListSnapshots) -> replies.SnapshotListing:
        """Takes seconds."""
        return self._ask(request, replies.SnapshotListing)

    def preview(self, request: messages.PreviewRestore) -> replies.RestorePreview:
        """Takes seconds."""
        return self._ask(request, replies.RestorePreview)

    def apply_restore(self) -> replies.BackupOverview:
        """The box starts anew right after the reply."""
        return self._ask(messages.ApplyRestore(), replies.BackupOverview)

    def confirm_restore(self) -> replies.BackupOverview:
        return self._ask(messages.ConfirmRestore(), replies.BackupOverview)

    def undo_restore(self) -> replies.BackupOverview:
        """The box starts anew right after the reply, if the restore was applied."""
        return self._ask(messages.UndoRestore(), replies.BackupOverview)

    def sheet(self, *, renew: bool = False) -> replies.RecoverySheet:
        return self._ask(messages.ShowSheet(renew=renew), replies.RecoverySheet)

    def confirm_sheet(self, key: str) -> replies.BackupOverview:
        return self._ask(messages.ConfirmSheet(key=key), replies.BackupOverview)

    def keys(self, target: str) -> replies.KeyListing:
        """Takes seconds."""
        request = messages.ListKeys(target=target)
        return self._ask(request, replies.KeyListing)

    def add_key(self, request: messages.AddKey) -> replies.KeyListing:
        """Takes seconds."""
        return self._ask(request, replies.KeyListing)

    def remove_key(self, target: str, key_id: str) -> replies.KeyListing:
        """Takes seconds."""
        request = messages.RemoveKey(target=target, key_id=key_id)
        return self._ask(request, replies.KeyListing)

    def _ask(self, request: messages.BackupRequest, kind: type[Reply]) -> Reply:
        return self._peer.ask(request, kind, timeout_s=_TIMEOUT_S)
