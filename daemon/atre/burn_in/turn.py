# SPDX-License-Identifier: Apache-2.0
import threading
import time
from collections.abc import Callable


class Turn:
    """A probe's time. ``tell`` hears which part of it is done, from 0 to 1."""

    def __init__(
        self,
        seconds: float,
        tell: Callable[[float], None] = lambda _part: None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._begun_s = clock()
        self._tell = tell
        self._ended = threading.Event()

    def end(self) -> None:
        """Let the probe come to its end, from any thread."""
        self._ended.set()

    def is_over(self) -> bool:
        return self._ended.is_set() or self.spent_s >= self._seconds

    def wait(self, seconds: float) -> bool:
        """Wait for so long, or for the end; whether the turn is over."""
        left_s = max(0.0, self._seconds - self.spent_s)
        self._ended.wait(min(seconds, left_s))
        return self.is_over()

    def tell(self, part: float = 0.0) -> None:
        """Say how far the work is; the clock has its say too."""
        by_clock = self.spent_s / self._seconds if self._seconds > 0 else 1.0
        self._tell(min(1.0, max(part, by_clock)))

    @property
    def spent_s(self) -> float:
        return self._clock() - self._begun_s
