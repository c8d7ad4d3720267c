# SPDX-License-Identifier: Apache-2.0
import msgspec

from atre.backup.target import Target
from atre.ipc.backup_messages import BackupOrder
from atre.ipc.backup_replies import BackupPolicy


class WorkOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a job's process reads first: the order, and all that it needs beside the data.

    It comes over the process's standard input, since it may hold a key.
    """

    order: BackupOrder
    target: Target
    policy: BackupPolicy
    config: str = ""
