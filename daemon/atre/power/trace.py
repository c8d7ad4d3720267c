# SPDX-License-Identifier: Apache-2.0
"""The machine's power over the last minutes, as energy between instants."""

import threading
from bisect import bisect_right
from collections import deque

import msgspec

from atre.power.reading import Basis


class Span(msgspec.Struct, frozen=True):
    """The machine took ``energy_j`` from ``start_s`` to ``end_s`` (monotonic clock, seconds)."""

    start_s: float
    end_s: float
    energy_j: float
    basis: Basis

    @property
    def power_w(self) -> float:
        return self.energy_j / (self.end_s - self.start_s)


class PowerTrace:
    """Spans in the order of time, the newest ``limit`` of them; gaps mean that nothing is known.

    The meter appends, other threads read.
    """

    def __init__(self, limit: int = 3600) -> None:
        self._spans: deque[Span] = deque(maxlen=limit)
        self._lock = threading.Lock()

    def append(self, span: Span) -> None:
        """Add what came after the last span. Raises ValueError if it is empty or begins before."""
        if span.end_s <= span.start_s:
            raise ValueError(f"a span must last: {span}")
        with self._lock:
            if self._spans and span.start_s < self._spans[-1].end_s:
                raise ValueError(f"{span} begins before {self._spans[-1]} ends")
            self._spans.append(span)

    def between(self, start_s: float, end_s: float) -> list[Span]:
        """The parts of spans that lie in the interval, their energy in proportion."""
        with self._lock:
            spans = list(self._spans)
        first = bisect_right(spans, start_s, key=lambda span: span.end_s)
        parts: list[Span] = []
        for span in spans[first:]:
            if span.start_s >= end_s:
                break
            begin, end = max(start_s, span.start_s), min(end_s, span.end_s)
            parts.append(Span(begin, end, span.power_w * (end - begin), span.basis))
        return parts

    def latest(self) -> Span | None:
        with self._lock:
            return self._spans[-1] if self._spans else None
