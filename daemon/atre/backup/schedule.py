# SPDX-License-Identifier: Apache-2.0
"""When the next backup and the next drill are due."""

import datetime as dt

# Âtre is younger than that: a clock that says less was never set.
_FLOOR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_RETRY = dt.timedelta(hours=1)


def is_believable(now: dt.datetime, newest_at: float | None) -> bool:
    """Whether the clock was set: it neither says 1970 nor a time before the newest backup."""
    return now >= _FLOOR and (newest_at is None or now.timestamp() >= newest_at)


def backup_time(now: dt.datetime, newest_at: float | None) -> dt.datetime:
    """The time to note of a backup made now: later than the newest, whatever the clock says."""
    if is_believable(now, newest_at):
        return now
    newest = _FLOOR if newest_at is None else dt.datetime.fromtimestamp(newest_at, dt.UTC)
    return newest + dt.timedelta(seconds=1)


def next_backup(
    now: dt.datetime, hour: int, last_at: float | None, tried_at: dt.datetime | None
) -> dt.datetime:
    """When the next daily backup is due, in ``now``'s zone; a time that passed is due at once.

    One that failed is tried again an hour later, since a disk may be plugged in meanwhile.
    """
    due = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    if due > now:
        due -= dt.timedelta(days=1)
    if last_at is not None and last_at >= due.timestamp():
        due += dt.timedelta(days=1)
    if tried_at is not None and tried_at >= due:
        due = tried_at + _RETRY
    return due


def is_drill_due(now: dt.datetime, every_days: int, last_at: float | None) -> bool:
    """Whether a drill is due; 0 days is never."""
    if every_days == 0:
        return False
    return last_at is None or now.timestamp() - last_at >= every_days * 86400 - 3600
