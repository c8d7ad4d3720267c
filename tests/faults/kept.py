# SPDX-License-Identifier: Apache-2.0
"""What a retention may let go, worked out apart from restic."""

import datetime as dt
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from atre.ipc.backup_replies import BackupPolicy

_PERIODS = (("keep_hourly", "%Y-%m-%d %H"), ("keep_daily", "%Y-%m-%d"))


def wrongly_gone(
    before: Mapping[str, dt.datetime], after: Mapping[str, dt.datetime], policy: BackupPolicy
) -> AbstractSet[str]:
    """Snapshots, by id with their time, that are gone and that the policy keeps."""
    return (before.keys() - after.keys()) & kept({**before, **after}, policy)


def kept(snapshots: Mapping[str, dt.datetime], policy: BackupPolicy) -> AbstractSet[str]:
    """The newest one, and the last of each of the last hours and days."""
    newest_first = sorted(snapshots, key=lambda each: snapshots[each], reverse=True)
    stay = set(newest_first[:1])
    for name, form in _PERIODS:
        seen: dict[str, str] = {}
        for each in newest_first:
            seen.setdefault(snapshots[each].astimezone(dt.UTC).strftime(form), each)
        stay |= set(list(seen.values())[: getattr(policy, name)])
    return stay
