# SPDX-License-Identifier: Apache-2.0
"""What the box does once a day by itself: removes what is older than it keeps.

In the listener of this machine alone, which every box has once. A clock that is wrong would make
everything old, so nothing is removed by a clock that cannot be believed, nor in the first day after
one that leapt ahead.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from atre.errors import StorageError
from atre.system.clock import Clock, is_believable, read_clock
from atre_web.accounts import latency, usage
from atre_web.accounts.database import connect
from atre_web.chat import retention

_log = logging.getLogger(__name__)

_LOOK_S = 3600.0
_DAY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Both clocks when somebody last looked, and since when (uptime) the wall's is steady."""

    now: float
    uptime: float
    steady_since: float


def look(before: Seen | None, clock: Clock, uptime: float) -> Seen:
    """What is known now. A clock that leapt ahead is steady anew from here on."""
    if before is None:
        # The clock of a start is as good as any: a box that is off every night must do it too.
        return Seen(clock.now, uptime, uptime - _DAY_S)
    leapt_s = (clock.now - before.now) - (uptime - before.uptime)
    has_leapt = leapt_s > _LOOK_S and not clock.is_synchronised
    return Seen(clock.now, uptime, uptime if has_leapt else before.steady_since)


def may_remove(seen: Seen, clock: Clock) -> bool:
    """Whether what is old by this clock is old."""
    return is_believable(clock) and seen.uptime - seen.steady_since >= _DAY_S


class Upkeep:
    """Does it now and then, in a thread of its own."""

    def __init__(
        self,
        database: Path,
        *,
        clock: Callable[[], Clock] = read_clock,
        uptime: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._uptime = uptime
        self._seen: Seen | None = None
        self._done_day = ""

    def start(self) -> None:
        """Begin in the background."""
        # A daemon: what it does is a transaction, which the end of the process undoes as a whole.
        threading.Thread(target=self._run, name="upkeep", daemon=True).start()

    def tick(self) -> None:
        """Do it if it was not done today."""
        clock = self._clock()
        self._seen = look(self._seen, clock, self._uptime())
        if not may_remove(self._seen, clock):
            return
        with closing(connect(self._database)) as connection:
            today = usage.day_of(connection, clock.now)
            if today == self._done_day:
                return
            removed = retention.apply(connection, now=clock.now)
            latency.prune(connection, today)
        self._done_day = today
        if removed:
            _log.info("atre-web: %s conversations were older than the office keeps them", removed)

    def _run(self) -> None:
        while True:
            try:
                self.tick()
            except (sqlite3.Error, StorageError) as error:
                _log.warning("atre-web: old conversations could not be removed (%s)", error)
            time.sleep(_LOOK_S)
