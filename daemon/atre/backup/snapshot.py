# SPDX-License-Identifier: Apache-2.0
import datetime as dt

import msgspec

from atre.ipc.backup_messages import BackupReason
from atre.ipc.backup_replies import Snapshot


class _Summary(msgspec.Struct, frozen=True):
    total_bytes_processed: int = 0
    data_added_packed: int = 0


class StoredSnapshot(msgspec.Struct, frozen=True):
    """A snapshot as ``restic snapshots --json`` tells of it."""

    id: str
    time: dt.datetime
    hostname: str
    tags: list[str] | None = None
    summary: _Summary | None = None

    @property
    def at(self) -> float:
        """Seconds since 1970."""
        return self.time.timestamp()

    def told(self) -> Snapshot:
        """What people may see of it."""
        summary = self.summary or _Summary()
        return Snapshot(
            id=self.id,
            at=self.at,
            unit=self.hostname,
            version=self._tag("version"),
            reason=self._tag("reason"),
            size_bytes=summary.total_bytes_processed,
            added_bytes=summary.data_added_packed,
        )

    def _tag(self, name: str) -> str:
        for tag in self.tags or ():
            key, _, value = tag.partition("=")
            if key == name:
                return value
        return ""


def tags_for(unit: str, version: str, reason: BackupReason) -> list[str]:
    """What a snapshot is marked with."""
    return [f"unit={unit}", f"version={version}", f"reason={reason}"]
