# SPDX-License-Identifier: Apache-2.0
"""Learns wall ≈ a + b · sensor while a plug measures the machine, for when the plug is gone."""

import math
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median

import msgspec

from atre.ipc.power_basis import Basis
from atre.power.trace import Span
from atre.system.durable import write_durably

MIN_MINUTES = 20
# Without different loads the slope would be chance.
_MIN_SPREAD_W = 5.0
_MIN_SPREAD_FRACTION = 0.2
_MAX_MINUTES = 1440
# Huber's constant: 95 % as efficient as least squares where all errors are normal.
_HUBER = 1.345
_MAD_TO_SIGMA = 1.4826
_NUM_ROUNDS = 20
_REFIT_EVERY = 30


class Pair(msgspec.Struct, frozen=True):
    """Mean power of one minute: at the wall, and by the machine's own sensors."""

    wall_w: float
    sensor_w: float


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """wall = ``offset_w`` + ``slope`` · sensor, from ``num_minutes`` pairs.

    ``source`` names the sensors. ``rmse_w`` is over all pairs, outliers too: it must not flatter.
    """

    source: str
    offset_w: float
    slope: float
    rmse_w: float
    error_fraction: float
    num_minutes: int
    low_w: float
    high_w: float
    made_at: float

    def wall_span(self, span: Span) -> Span:
        """What the wall would have said of a span of the sensors."""
        offset_j = self.offset_w * (span.end_s - span.start_s)
        energy_j = max(0.0, offset_j + self.slope * span.energy_j)
        return Span(span.start_s, span.end_s, energy_j, Basis.ESTIMATE)


class _Kept(msgspec.Struct, kw_only=True):
    fit: Fit | None = None
    source: str = ""
    pairs: list[Pair] = []


class Calibration:
    """The pairs of the last day with a plug and what follows from them, in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = _read(path)
        self.fit = kept.fit
        self._source = kept.source
        self._num_added = 0
        self._pairs = deque(kept.pairs, maxlen=_MAX_MINUTES)

    @property
    def num_minutes(self) -> int:
        return len(self._pairs)

    def add(self, pair: Pair, source: str, *, now_s: float | None = None) -> None:
        """Learn from one minute; pairs of other sensors are forgotten."""
        if source != self._source:
            self._source = source
            self._pairs.clear()
        self._pairs.append(pair)
        self._num_added += 1
        if len(self._pairs) > _REFIT_EVERY and self._num_added % _REFIT_EVERY:
            return  # a day's pairs take a tenth of a second, and one more minute changes little
        found = fitted(self._pairs, source, made_at=time.time() if now_s is None else now_s)
        if found is not None:
            self.fit = found

    def save(self) -> None:
        """Keep it over restarts and power cuts. Raises OSError."""
        kept = _Kept(fit=self.fit, source=self._source, pairs=list(self._pairs))
        write_durably(self._path, msgspec.json.encode(kept))

    def forget(self) -> None:
        """Throw everything away. Raises OSError."""
        self.fit = None
        self._pairs.clear()
        self.save()


def fitted(pairs: Sequence[Pair], source: str, *, made_at: float) -> Fit | None:
    """The line through the pairs, None while they are too few or too much alike.

    Least squares with Huber's weights, so that a minute in which something else hung on the plug
    hardly bends it.
    """
    if len(pairs) < MIN_MINUTES:
        return None
    sensor = sorted(pair.sensor_w for pair in pairs)
    low, high = sensor[len(sensor) // 20], sensor[-1 - len(sensor) // 20]
    if high - low < max(_MIN_SPREAD_W, _MIN_SPREAD_FRACTION * fmean(sensor)):
        return None
    offset_w, slope = _line(pairs)
    if slope <= 0:
        return None
    wall = [pair.wall_w for pair in pairs]
    rmse_w = math.sqrt(fmean(_miss(pair, offset_w, slope) ** 2 for pair in pairs))
    return Fit(
        source=source,
        offset_w=offset_w,
        slope=slope,
        rmse_w=rmse_w,
        error_fraction=rmse_w / fmean(wall),
        num_minutes=len(pairs),
        low_w=min(wall),
        high_w=max(wall),
        made_at=made_at,
    )


def _line(pairs: Sequence[Pair]) -> tuple[float, float]:
    weights = [1.0] * len(pairs)
    offset_w, slope = 0.0, 0.0
    for _ in range(_NUM_ROUNDS):
        offset_w, slope = _weighted_line(pairs, weights)
        misses = [abs(_miss(pair, offset_w, slope)) for pair in pairs]
        bound = _HUBER * _MAD_TO_SIGMA * median(misses)
        if bound <= 0:
            break
        weights = [min(1.0, bound / miss) if miss else 1.0 for miss in misses]
    return offset_w, slope


def _weighted_line(pairs: Sequence[Pair], weights: Sequence[float]) -> tuple[float, float]:
    total = sum(weights)
    weighted = list(zip(weights, pairs, strict=True))
    mean_sensor = sum(weight * pair.sensor_w for weight, pair in weighted) / total
    mean_wall = sum(weight * pair.wall_w for weight, pair in weighted) / total
    spread = sum(weight * (pair.sensor_w - mean_sensor) ** 2 for weight, pair in weighted)
    common = sum(
        weight * (pair.sensor_w - mean_sensor) * (pair.wall_w - mean_wall)
        for weight, pair in weighted
    )
    slope = common / spread
    return mean_wall - slope * mean_sensor, slope


def _miss(pair: Pair, offset_w: float, slope: float) -> float:
    return offset_w + slope * pair.sensor_w - pair.wall_w


def _read(path: Path) -> _Kept:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return _Kept()
