# SPDX-License-Identifier: Apache-2.0
"""Conversations by how long ago they changed; pure."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Literal

from atre_web.chat.message import Conversation

# A month of a year stands for itself, by its first day.
Span = Literal["today", "yesterday", "week", "month"] | date
_WEEK = timedelta(days=7)
_MONTH = timedelta(days=30)


def by_day(
    conversations: Iterable[Conversation], *, now: float
) -> list[tuple[Span, list[Conversation]]]:
    """The conversations, newest first, under the span each belongs to, by the box's time zone."""
    today = datetime.fromtimestamp(now).astimezone().date()
    return [
        (span, list(group))
        for span, group in groupby(conversations, lambda each: span_of(each.changed_at, today))
    ]


def span_of(unix_s: float, today: date) -> Span:
    """Which span a moment belongs to. What lies in the future, after a clock's change, is today."""
    day = datetime.fromtimestamp(unix_s).astimezone().date()
    if day >= today:
        return "today"
    if day == today - timedelta(days=1):
        return "yesterday"
    if day > today - _WEEK:
        return "week"
    return "month" if day > today - _MONTH else day.replace(day=1)
