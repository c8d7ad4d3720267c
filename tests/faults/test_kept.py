# SPDX-License-Identifier: Apache-2.0
import datetime as dt

from tests.faults.kept import kept, wrongly_gone

from atre.ipc.backup_replies import BackupPolicy

_POLICY = BackupPolicy(keep_hourly=2, keep_daily=2, keep_weekly=0, keep_monthly=0)


def _at(day: int, hour: int, minute: int) -> dt.datetime:
    return dt.datetime(2026, 11, day, hour, minute, tzinfo=dt.UTC)


_ALL = {
    "yesterday early": _at(1, 8, 0),
    "yesterday late": _at(1, 20, 0),
    "hour before": _at(2, 8, 10),
    "same hour": _at(2, 9, 5),
    "newest": _at(2, 9, 40),
}


def test_the_last_of_each_hour_and_day_stays() -> None:
    assert kept(_ALL, _POLICY) == {"newest", "hour before", "yesterday late"}


def test_only_what_the_policy_keeps_is_missed() -> None:
    after = {"newest": _ALL["newest"], "hour before": _ALL["hour before"]}
    assert wrongly_gone(_ALL, after, _POLICY) == {"yesterday late"}
