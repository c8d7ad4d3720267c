# SPDX-License-Identifier: Apache-2.0
"""When the newest backup counts as old; pure."""

from atre.ipc.backup_replies import BackupPolicy

# A daily backup may miss a weekend, when the box is off; those made by hand are made by the month.
DAILY_DAYS, BY_HAND_DAYS = 4, 31


def warn_after_days(policy: BackupPolicy) -> int:
    """Days after which people are told: what a manager set, else by the rhythm."""
    if policy.warn_after_days is not None:
        return policy.warn_after_days
    return DAILY_DAYS if policy.is_on else BY_HAND_DAYS
