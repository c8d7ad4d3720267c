# SPDX-License-Identifier: Apache-2.0
"""Whether the machine's clock can be believed. A box without a network has nobody to ask."""

import ctypes
import time
from dataclasses import dataclass
from pathlib import Path

# November 2025: no box is older, so an earlier clock was never set.
OLDEST = 1_762_000_000.0
# Nobody runs this version for ten years; what clocks without a battery say is 2036, 2070 or 2099.
LATEST = OLDEST + 10 * 365.25 * 24 * 3600

# Longer than struct timex anywhere; ``modes``, its first field, is 0: only read (adjtimex(2)).
_TIMEX_BYTES = 512
_TIME_ERROR = 5  # "the clock is not synchronised"
# Made once the time came from a server: systemd-timesyncd.service(8).
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")


@dataclass(frozen=True, slots=True)
class Clock:
    """The time in Unix seconds, and whether the kernel holds it synchronised, None if unknown."""

    now: float
    is_synchronised: bool | None


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


def is_synchronised() -> bool | None:
    """What the kernel says of its clock, None where it may not or cannot say."""
    if _SYNCHRONISED.exists():
        return True
    try:
        state = ctypes.CDLL(None).ntp_adjtime(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
