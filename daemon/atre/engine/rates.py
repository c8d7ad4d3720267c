# SPDX-License-Identifier: Apache-2.0
import threading
from collections import deque
from dataclasses import dataclass

_WINDOW_S = 60.0


@dataclass(slots=True, frozen=True)
class _Step:
    ended_s: float
    duration_s: float
    num_decode: int
    num_prefill: int


class Rates:
    """Speeds of the last minute, from the steps that made them; idle time does not count.

    The engine's thread records, other threads read.
    """

    def __init__(self) -> None:
        self._steps: deque[_Step] = deque()
        self._lock = threading.Lock()

    def record(self, *, now_s: float, duration_s: float, num_decode: int, num_prefill: int) -> None:
        """Add one step, of which ``num_decode`` tokens were generated and the rest read."""
        with self._lock:
            self._steps.append(_Step(now_s, duration_s, num_decode, num_prefill))
            self._drop_old(now_s)

    def decode_tokens_per_s(self, now_s: float) -> float:
        """Tokens generated a second of work, 0.0 if none was in the last minute."""
        return self._speed(now_s, "num_decode")

    def prefill_tokens_per_s(self, now_s: float) -> float:
        """Prompt tokens read a second of work, 0.0 if none was in the last minute."""
        return self._speed(now_s, "num_prefill")

    def _speed(self, now_s: float, count: str) -> float:
        with self._lock:
            self._drop_old(now_s)
            steps = [step for step in self._steps if getattr(step, count)]
        # A step that did both took longer than either would have: it counts if there is no other.
        pure = [step for step in steps if not (step.num_decode and step.num_prefill)]
        steps = pure or steps
        duration_s = sum(step.duration_s for step in steps)
        return sum(getattr(step, count) for step in steps) / duration_s if duration_s else 0.0

    def _drop_old(self, now_s: float) -> None:
        while self._steps and self._steps[0].ended_s < now_s - _WINDOW_S:
            self._steps.popleft()
