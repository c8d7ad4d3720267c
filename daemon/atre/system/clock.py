# SPDX-License-Identifier: Apache-2.0
"""Whether the machine's clock can be believed. A box without a network has nobody to ask."""

import time
from dataclasses import dataclass
from pathlib import Path

# November 2025: no box is older, so an earlier clock was never set.
OLDEST = 1_762_000_000.0
# Nobody runs this version for ten years; what clocks without a battery say is 2036, 2070 or 2099.
LATEST = OLDEST + 10 * 365.25 * 24 * 3600

# The kernel would say it for every time server, but adjtimex(2) is among the calls for which the
# unit's SystemCallFilter ends a process.
# systemd-timesyncd.service(8) makes this file once the time came from a server.
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")


@dataclass(frozen=True, slots=True)
class Clock:
    """The time in Unix seconds, and whether a time server set it since the machine started."""

    now: float
    is_synchronised: bool


def read_clock() -> Clock:
    """The machine's clock now."""
    return Clock(time.time(), is_synchronised())


def is_unset(clock: Clock) -> bool:
    """Whether it shows a time before this version was made."""
    return clock.now < OLDEST


def is_far_ahead(clock: Clock) -> bool:
    """Whether it shows a time that nobody confirms and in which this version would be ancient."""
    return clock.now > LATEST and not clock.is_synchronised


def is_believable(clock: Clock) -> bool:
    """Whether what is old by it can be taken for old."""
    return not is_unset(clock) and not is_far_ahead(clock)


def is_synchronised() -> bool:
    """Whether systemd's time service set the clock; where another one does, nobody says so."""
    return _SYNCHRONISED.exists()
