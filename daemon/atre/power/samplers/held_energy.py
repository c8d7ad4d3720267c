# SPDX-License-Identifier: Apache-2.0
"""A plug's energy, second by second, held to the plug's own counter."""

_LEAST_STEP_J = 3600.0  # Tasmota counts in thousandths of a kilowatt-hour
_UPDATE_S = 60.0  # Shelly's counter may move once a minute only
_PULL = 0.1  # how much faster or slower than its power the sum may go to meet the counter
_MAX_GAP_S = 15.0


class HeldEnergy:
    """The sum of the powers, pulled to the counter whose steps are too coarse for a second.

    It never leaves the counter by more than one of its steps for long, so a day's energy is the
    plug's own; and it never goes backwards. Over a gap in the answers the counter alone tells.
    """

    def __init__(self) -> None:
        self._at_s: float | None = None
        self._power_w = 0.0
        self._sum_j = 0.0
        self._start_j = 0.0
        self._counter_j: float | None = None

    def at(self, at_s: float, power_w: float, counter_j: float | None) -> float | None:
        """Joules since the first call; None just after a gap that nothing tells about."""
        elapsed_s = 0.0 if self._at_s is None else at_s - self._at_s
        last_j, self._counter_j = self._counter_j, counter_j
        if self._at_s is None or (counter_j is not None and (last_j is None or counter_j < last_j)):
            # The first answer, or somebody set the counter back to 0: it holds from here on.
            self._start_j = (counter_j or 0.0) - self._sum_j
        step_j = (self._power_w + power_w) / 2 * elapsed_s
        self._at_s, self._power_w = at_s, power_w
        if counter_j is None:
            self._sum_j += step_j if elapsed_s <= _MAX_GAP_S else 0.0
            return self._sum_j if elapsed_s <= _MAX_GAP_S else None
        counted_j = counter_j - self._start_j
        if elapsed_s > _MAX_GAP_S:
            self._sum_j = max(self._sum_j, counted_j)
            return self._sum_j
        room_j = max(_LEAST_STEP_J, power_w * _UPDATE_S)
        if self._sum_j < counted_j:
            step_j *= 1 + _PULL
        elif self._sum_j > counted_j + room_j:
            step_j *= 1 - _PULL
        self._sum_j += step_j
        return self._sum_j
