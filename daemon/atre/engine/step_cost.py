# SPDX-License-Identifier: Apache-2.0
from bisect import bisect_left

_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
_WEIGHT = 0.2  # of a new measurement; the cost drifts with the length of what is remembered
# Where decoding alone takes longer than the target, a step may take this much of its time: else
# nobody's prompt would be read while the machine is busy.
_STRETCH = 1.5
_FIRST_ROWS = 32  # tried before anything is known


class StepCost:
    """How long a step takes by its number of rows, learnt from the steps themselves.

    The curve is not linear (on CPUs a matrix product of 2 to 16 rows costs about the same), so it
    is kept by powers of two and read by interpolation. Two bounds hold where measurements disagree,
    as they do on a machine that does other things too: more rows never cost less, and twice the
    rows never cost more than two steps that were measured since. So a size that was slow once, and
    is not chosen any more for it, does not stay slow for ever.
    """

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._num_steps = 0
        self._measured_at: dict[int, int] = {}
        self._sizes: list[int] = []
        self._costs_s: list[float] = []

    def record(self, num_rows: int, seconds: float) -> None:
        """Learn from one step."""
        bucket = _bucket(num_rows)
        known = self._seconds.get(bucket, seconds)
        self._seconds[bucket] = known + _WEIGHT * (seconds - known)
        self._num_steps += 1
        self._measured_at[bucket] = self._num_steps
        self._sizes = sorted(self._seconds)
        self._costs_s = []
        for size in self._sizes:
            self._costs_s.append(self._bounded_s(size))

    def seconds(self, num_rows: int) -> float:
        """The expected time of a step of ``num_rows`` rows; 0.0 while nothing is known."""
        sizes, costs_s = self._sizes, self._costs_s
        if not sizes:
            return 0.0
        place = bisect_left(sizes, num_rows)
        if place == 0:
            return costs_s[0]
        if place == len(sizes):
            return costs_s[-1] * num_rows / sizes[-1]
        share = (num_rows - sizes[place - 1]) / (sizes[place] - sizes[place - 1])
        return costs_s[place - 1] + share * (costs_s[place] - costs_s[place - 1])

    @property
    def large_row_cost(self) -> float | None:
        """How long a row of the largest measured step takes, as a part of a step of one row.

        None until both a single row and a step that reads a prompt were measured.
        """
        if not self._sizes or self._sizes[0] != 1 or self._sizes[-1] < _FIRST_ROWS:
            return None
        return self._costs_s[-1] / self._sizes[-1] / self._costs_s[0] if self._costs_s[0] else None

    def rows_within(self, target_s: float, *, num_decoding: int, most: int) -> int:
        """How many rows a step may have, with ``num_decoding`` of them taken, at most ``most``.

        What fits in ``target_s``; or, where decoding alone takes that long, half as much again.
        At most one power of two beyond what was ever measured, so that a first long prompt does
        not pay for our ignorance.
        """
        largest_known = max(self._seconds, default=_FIRST_ROWS // 2)
        # A cost that is only known of larger steps says nothing of what decoding alone takes.
        is_known = bool(self._sizes) and self._sizes[0] <= _bucket(num_decoding)
        limit_s = max(target_s, _STRETCH * self.seconds(num_decoding) if is_known else 0.0)
        fitting = [
            rows
            for rows in _candidates(num_decoding + 1, min(most, 2 * largest_known))
            if self.seconds(rows) <= limit_s
        ]
        return max([*fitting, min(num_decoding + 1, most)])

    def _bounded_s(self, size: int) -> float:
        """The cost of ``size`` rows, between those that the next smaller size allows."""
        if not self._costs_s:
            return self._seconds[size]
        smaller, smaller_s = self._sizes[len(self._costs_s) - 1], self._costs_s[-1]
        seconds = max(self._seconds[size], smaller_s)
        if self._measured_at[smaller] < self._measured_at[size]:
            return seconds
        return min(seconds, smaller_s * size / smaller)


def _bucket(num_rows: int) -> int:
    """The nearest size of the table."""
    return min(_BUCKETS, key=lambda size: abs(size - num_rows))


def _candidates(least: int, most: int) -> range:
    """Numbers of rows worth asking about: all small ones, then steps of an eighth."""
    step = max(1, (most - least) // 64)
    return range(least, most + 1, step)
