# SPDX-License-Identifier: Apache-2.0
"""Whether a model is there, and who uses it: what is said while it sleeps, wakes or leaves."""

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
