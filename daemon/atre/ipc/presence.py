# SPDX-License-Identifier: Apache-2.0
"""Whether a model is there, and who uses it: what is said while it sleeps, wakes or leaves."""

import msgspec

from atre.ipc.message import Fraction, Message


class Waking(Message, frozen=True):
    """The model slept; ``fraction`` of it is loaded, and then the request is read."""

    model: str
    fraction: Fraction


class Moved(Message, frozen=True):
    """The engine has this address now: connect again and send the same request."""


class DescribeActivity(Message, frozen=True):
    """Ask whether anybody is being answered; answered while the model loads, too."""


class Activity(Message, frozen=True):
    """Requests that were not ended by their callers yet, and seconds since there was one."""

    num_open: int
    idle_s: float


class SleepTimes(msgspec.Struct, frozen=True, kw_only=True):
    """When the model may leave memory: after seconds without a request, and by a calendar.

    ``calendar`` is as ``atre.choices.sleep_rules`` reads it, in the hours of ``time_zone``, or of
    the machine where that is empty. None and "" are never.
    """

    unload_after_s: float | None = None
    calendar: str = ""
    time_zone: str = ""


class SleepInForce(msgspec.Struct, frozen=True, kw_only=True):
    """``times`` count: a manager's if they are chosen, else those of the ``start``'s options."""

    times: SleepTimes
    start: SleepTimes
    is_chosen: bool
