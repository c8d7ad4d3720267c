# SPDX-License-Identifier: Apache-2.0
import math
from collections.abc import Sequence
from typing import Self

import msgspec


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How a measured quantity is spread, in its own unit."""

    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self | None:
        """The spread of ``values``, None if there are none."""
        if not values:
            return None
        return cls(
            p50=percentile(values, 50),
            p95=percentile(values, 95),
            p99=percentile(values, 99),
            max=max(values),
        )


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which ``percent`` of ``values`` lie, interpolated between neighbours.

    ``values`` need not be sorted and must not be empty. The definition is NumPy's default one
    (Hyndman and Fan, type 7).
    """
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
