# SPDX-License-Identifier: Apache-2.0
import os
import time
from collections.abc import Callable, Mapping

from atre.system.notify import notify


class Heartbeat:
    """Tells systemd that this process still goes round its loop, as its unit's WatchdogSec= asks.

    Half of that time lies between two beats: sd_watchdog_enabled(3). Without such a unit it keeps
    silent.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._pause_s = _pause_s(environment)
        self._due_s = clock()

    def tick(self) -> float | None:
        """Beat if it is time to; in how many seconds it is again, None if never."""
        if self._pause_s is None:
            return None
        if self._clock() >= self._due_s:
            notify("WATCHDOG=1")
            self._due_s = self._clock() + self._pause_s
        return self._due_s - self._clock()


def _pause_s(environment: Mapping[str, str]) -> float | None:
    asked_us, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    # Children inherit both; it is asked of one process.
    if not asked_us.isdecimal() or process not in ("", str(os.getpid())):
        return None
    return int(asked_us) / 2e6
