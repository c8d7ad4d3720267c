# SPDX-License-Identifier: Apache-2.0
"""Which backups stay, in restic's words."""

from atre.ipc.backup_replies import BackupPolicy


def keep_arguments(policy: BackupPolicy) -> list[str]:
    """The options of ``restic forget``; the newest backup always stays."""
    arguments = ["--keep-last", "1"]
    for name in ("hourly", "daily", "weekly", "monthly"):
        count = getattr(policy, f"keep_{name}")
        if count:
            arguments += [f"--keep-{name}", str(count)]
    return arguments
