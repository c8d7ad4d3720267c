# SPDX-License-Identifier: Apache-2.0
"""Reads the machine's power once a second, for the trace and for the history."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from atre.ipc.power_basis import Basis, Scope
from atre.ipc.public_source import public_machine_source
from atre.power.baseline import Baseline
from atre.power.calibration import Calibration, Pair
from atre.power.history import MINUTE_S, Amount, PowerHistory
from atre.power.machine_power import chosen, span_between
from atre.power.reading import Reading
from atre.power.sampler import Sampler
from atre.power.trace import PowerTrace, Span

_log = logging.getLogger(__name__)

_PERIOD_S = 1.0
# A minute with a gap says little about the wall and the sensors at the same loads.
_WHOLE_MINUTE_S = 50.0
_SAVE_EVERY_MINUTES = 60  # a calibration is made in hours, and a flash disk wears

Result = TypeVar("Result")


class PowerMeter:
    """Keeps ``trace`` and the history; ``readings`` are the last ones, of each source.

    ``source`` names what the figure comes from, ``public_source`` the same without addresses;
    ``is_calibrated``: a plug has taught it.
    ``is_busy`` says whether the engine computes an answer, None where that is not known.
    """

    def __init__(
        self,
        samplers: Sequence[Sampler],
        *,
        trace: PowerTrace,
        history: PowerHistory,
        baseline: Baseline,
        calibration: Calibration,
        is_busy: Callable[[], bool | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.trace = trace
        self.readings: Sequence[Reading] = ()
        self.source = self.public_source = ""
        self.is_calibrated = False
        self._history = history
        self._baseline = baseline
        self._calibration = calibration
        self._is_busy = is_busy
        self._clock, self._wall = clock, wall
        self._samplers = list(samplers)
        self._complained: set[str] = set()
        self._at_s = clock()
        self._minute = _Minute(int(wall() // MINUTE_S))
        self._num_minutes = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="power-meter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread and keep what was measured."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            self._end_minute()
            self._guarded("calibration", self._calibration.save)
            self._close_samplers()

    def use(self, samplers: Sequence[Sampler]) -> None:
        """Read these from now on; those before are closed."""
        with self._lock:
            self._close_samplers()
            self._samplers = list(samplers)

    @property
    def idle_w(self) -> float | None:
        """What the machine takes without work, as far as the present figure goes."""
        return self._baseline.idle_w(self.source)

    def beat(self) -> None:
        """Read everything once; never raises."""
        with self._lock:
            self._guarded("meter", self._read)

    def _run(self) -> None:
        due_s = self._clock()
        while not self._stop.wait(max(0.0, due_s - self._clock())):
            self.beat()
            # Beats keep their places: a slow one is followed by none at once, but not by a burst.
            late = max(0.0, self._clock() - due_s)
            due_s += _PERIOD_S * (1 + late // _PERIOD_S)

    def _read(self) -> None:
        now_s = self._clock()
        readings: list[Reading] = []
        for sampler in self._samplers:
            read = partial(sampler.read, now_s)
            readings += self._guarded(type(sampler).__name__, read) or []
        before, self.readings = self.readings, readings
        minute = int(self._wall() // MINUTE_S)
        if minute != self._minute.number:
            self._end_minute()
            self._minute = _Minute(minute)
        self._minute.expect(now_s - self._at_s)
        self._at_s = now_s
        self._measure(before, readings)

    def _measure(self, before: Sequence[Reading], readings: Sequence[Reading]) -> None:
        own = _sensors(readings)
        sensed = span_between(_sensors(before), own)
        sensors = _names(chosen(own))
        if sensed is not None:
            self._minute.sense(sensed)
        picked = chosen(readings)
        is_wall = bool(picked) and picked[0].scope is Scope.WALL
        span = span_between(before, readings) if is_wall else self._calibrated(sensed, sensors)
        if span is None:
            return
        self.is_calibrated = not is_wall and span is not sensed
        span = _after(span, self.trace.latest())
        if span is None:
            return
        self.trace.append(span)
        self.source = f"{span.basis}:{_names(picked)}"
        self.public_source = public_machine_source(span.basis, (each.source for each in picked))
        is_busy = self._is_busy()
        if is_busy is not None:
            self._baseline.see(span, self.source, is_busy=is_busy)
        self._minute.take(span, self._baseline.idle_w(self.source), sensors)

    def _calibrated(self, sensed: Span | None, sensors: str) -> Span | None:
        """What the wall would say, where a plug has taught it for these very sensors."""
        fit = self._calibration.fit
        if sensed is None or fit is None or fit.source != sensors:
            return sensed
        return fit.wall_span(sensed)

    def _end_minute(self) -> None:
        minute = self._minute
        self._history.add(minute.number * MINUTE_S, minute.amounts())
        self._guarded("baseline", self._baseline.learn)
        pair = minute.pair()
        if pair is not None:
            self._calibration.add(pair, minute.sensors)
            self._num_minutes += 1
            if self._num_minutes % _SAVE_EVERY_MINUTES == 0:
                self._guarded("calibration", self._calibration.save)

    def _guarded(self, name: str, step: Callable[[], Result]) -> Result | None:
        """Take a step that must not end the meter; what fails is told once."""
        try:
            return step()
        except Exception:  # noqa: BLE001 -- whatever a source does, the others are read
            if name not in self._complained:
                self._complained.add(name)
                _log.exception("the power meter goes on without %s", name)
            return None

    def _close_samplers(self) -> None:
        for sampler in self._samplers:
            self._guarded(type(sampler).__name__, sampler.close)
        self._samplers = []


class _Minute:
    """What one minute of the wall clock took."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.sensors = ""
        self._expected_s = 0.0
        self._amounts: dict[Basis, Amount] = {}
        self._sensed_j = self._sensed_s = 0.0

    def expect(self, seconds: float) -> None:
        self._expected_s += seconds

    def sense(self, span: Span) -> None:
        self._sensed_j += span.energy_j
        self._sensed_s += span.end_s - span.start_s

    def take(self, span: Span, idle_w: float | None, sensors: str) -> None:
        self.sensors = sensors
        seconds = span.end_s - span.start_s
        amount = Amount(
            basis=span.basis,
            energy_j=span.energy_j,
            idle_j=0.0 if idle_w is None else min(span.energy_j, idle_w * seconds),
            unsplit_j=span.energy_j if idle_w is None else 0.0,
            covered_s=seconds,
        )
        before = self._amounts.get(span.basis)
        self._amounts[span.basis] = before + amount if before else amount

    def amounts(self) -> list[Amount]:
        """What was taken, and one row for the time that the box ran."""
        if not self._amounts and not self._expected_s:
            return []
        ran = Amount(basis=Basis.UNKNOWN, expected_s=self._expected_s)
        return [*self._amounts.values(), ran]

    def pair(self) -> Pair | None:
        """The means of wall and sensors, where a plug and sensors told the whole minute."""
        plug = self._amounts.get(Basis.PLUG)
        if plug is None or not self.sensors:
            return None
        if min(plug.covered_s, self._sensed_s) < _WHOLE_MINUTE_S:
            return None
        return Pair(plug.energy_j / plug.covered_s, self._sensed_j / self._sensed_s)


def _sensors(readings: Sequence[Reading]) -> list[Reading]:
    """What the machine tells of itself."""
    return [reading for reading in readings if reading.scope is not Scope.WALL]


def _names(readings: Sequence[Reading]) -> str:
    return "+".join(sorted(reading.source for reading in readings))


def _after(span: Span, last: Span | None) -> Span | None:
    """The part of a span that was not told yet: where the source changes, clocks overlap."""
    start_s = span.start_s if last is None else max(span.start_s, last.end_s)
    if start_s >= span.end_s:
        return None
    return Span(start_s, span.end_s, span.power_w * (span.end_s - start_s), span.basis)
