# SPDX-License-Identifier: Apache-2.0
"""Whether others were at work while a device was measured, which makes it look slow.

Source: kernel Documentation/accounting/psi.rst: ``some total`` are the microseconds in which a
runnable task waited for a processor. The measurement alone makes nobody wait: it has no more
threads than processors.
"""

import os
import re
import time
from pathlib import Path

import msgspec

_PRESSURE = Path("/proc/pressure/cpu")
_TOTAL = re.compile(r"^some .*\btotal=(\d+)$", re.MULTILINE)
# A daemon that wakes now and then is no disturbance; half a core taken from one of two is.
_MAX_STALLED_SHARE = 0.25
# Threads that compute never sleep; the rest is the start of threads and reading of timers.
_MIN_OWN_SHARE = 0.75


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Clocks in seconds; ``stalled_s`` is None where the kernel does not count it."""

    wall_s: float
    own_s: float
    stalled_s: float | None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What passed from one moment to another.

    ``threads`` computed all the while, 0 if another device did.
    """

    wall_s: float
    own_s: float
    stalled_s: float | None
    threads: int

    @property
    def is_disturbed(self) -> bool:
        """Whether somebody else wanted the processor for a good part of the time."""
        if self.stalled_s is not None:
            return self.stalled_s > _MAX_STALLED_SHARE * self.wall_s
        return self.own_s < _MIN_OWN_SHARE * self.wall_s * self.threads


def moment(pressure: Path = _PRESSURE) -> Moment:
    """The clocks now."""
    times = os.times()
    return Moment(
        wall_s=time.monotonic(), own_s=times.user + times.system, stalled_s=_stalled_s(pressure)
    )


def between(before: Moment, after: Moment, *, threads: int) -> Load:
    """The load from ``before`` to ``after``."""
    known = before.stalled_s is not None and after.stalled_s is not None
    return Load(
        wall_s=after.wall_s - before.wall_s,
        own_s=after.own_s - before.own_s,
        stalled_s=(after.stalled_s or 0.0) - (before.stalled_s or 0.0) if known else None,
        threads=threads,
    )


def _stalled_s(pressure: Path) -> float | None:
    try:
        found = _TOTAL.search(pressure.read_text("ascii"))
    except (OSError, UnicodeDecodeError):
        return None
    return int(found[1]) / 1e6 if found else None
