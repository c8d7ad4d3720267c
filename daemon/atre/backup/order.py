# SPDX-License-Identifier: Apache-2.0
import msgspec

from atre.ipc.backup_messages import BackupOrder
from atre.ipc.backup_replies import BackupPolicy
from atre.media.open_target import OpenTarget


class WorkOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a job's process reads first: the order, and all that it needs beside the data.

    It comes over the process's standard input, since it may hold a key.
    """

    order: BackupOrder
    target: OpenTarget
    policy: BackupPolicy
    config: str = ""
