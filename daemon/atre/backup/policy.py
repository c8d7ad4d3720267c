# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import msgspec

from atre.ipc.backup_replies import BackupPolicy
from atre.system.durable import write_durably

_FILE = "backup-policy.json"


def read_policy(state_dir: Path) -> BackupPolicy:
    """What the manager decided, else the usual; a damaged file counts as none."""
    try:
        return msgspec.json.decode((state_dir / _FILE).read_bytes(), type=BackupPolicy)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return BackupPolicy()


def write_policy(state_dir: Path, policy: BackupPolicy) -> None:
    """Raises OSError."""
    write_durably(state_dir / _FILE, msgspec.json.format(msgspec.json.encode(policy)))
