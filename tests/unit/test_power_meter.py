# SPDX-License-Identifier: Apache-2.0
"""The meter's beats, each by hand: no clock but the test's own."""

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atre.errors import EngineUnavailableError
from atre.ipc.presence import Activity
from atre.power.activity import EngineActivity
from atre.power.baseline import Baseline
from atre.power.calibration import MIN_MINUTES, Calibration
from atre.power.history import DAY_S, Amount, PowerHistory
from atre.power.meter import PowerMeter
from atre.power.reading import Basis, Reading, Scope
from atre.power.trace import PowerTrace

NOON_S = 1_795_003_200.0


class Source:
    """A source of power that does what the test says; ``None`` is a source that tells nothing."""

    def __init__(self, name: str, scope: Scope, basis: Basis, watts: float | None) -> None:
        self.name, self.scope, self.basis, self.watts = name, scope, basis, watts
        self.fault: Exception | None = None
        self.is_closed = False
        self._energy_j = 0.0
        self._at_s: float | None = None

    def read(self, now_s: float) -> list[Reading]:
        if self.fault:
            raise self.fault
        elapsed_s = now_s - (now_s if self._at_s is None else self._at_s)
        self._at_s = now_s
        self._energy_j += (self.watts or 0.0) * elapsed_s
        return [
            Reading(
                source=self.name,
                scope=self.scope,
                basis=self.basis,
                at_s=now_s,
                power_w=self.watts,
                energy_j=None if self.watts is None else self._energy_j,
            )
        ]

    def close(self) -> None:
        self.is_closed = True


class Bench:
    """A meter, its sources and the two clocks."""

    def __init__(self, folder: Path) -> None:
        self.now_s, self.wall_s = 1000.0, NOON_S
        self.is_busy: bool | None = False
        self.processor = Source("rapl:package-0", Scope.PACKAGE, Basis.COUNTER, 20.0)
        self.plug = Source("plug:shelly:192.0.2.7", Scope.WALL, Basis.PLUG, None)
        self.history = PowerHistory(folder / "power.db")
        self.calibration = Calibration(folder / "calibration.json")
        self.meter = PowerMeter(
            [self.plug, self.processor],
            trace=PowerTrace(),
            history=self.history,
            baseline=Baseline(folder / "baseline.json"),
            calibration=self.calibration,
            is_busy=lambda: self.is_busy,
            clock=lambda: self.now_s,
            wall=lambda: self.wall_s,
        )

    def run(self, seconds: int, watts: Callable[[], None] = lambda: None) -> None:
        for _ in range(seconds):
            watts()
            self.meter.beat()
            self.now_s += 1.0
            self.wall_s += 1.0

    def days(self) -> list[Amount]:
        self.meter.close()
        return [each.amount for each in self.history.read(DAY_S, -1e11, 1e11)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.meter.close()
    bench.history.close()


def energy(amounts: list[Amount]) -> float:
    return sum(amount.energy_j for amount in amounts)


def test_seconds_become_spans_and_minutes(bench: Bench) -> None:
    bench.run(181)
    last = bench.meter.trace.latest()
    assert last is not None
    assert last.power_w == pytest.approx(20.0)
    days = bench.days()
    assert energy(days) == pytest.approx(180 * 20.0)
    assert sum(amount.covered_s for amount in days) == pytest.approx(180)
    assert sum(amount.expected_s for amount in days) == pytest.approx(180)


def test_a_source_that_fails_in_any_way_leaves_the_others(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.plug.fault = MemoryError("a driver's mood")
    bench.run(61)
    assert energy(bench.days()) == pytest.approx(60 * 20.0)
    assert sum("Source" in record.message for record in caplog.records) == 1


def test_time_without_a_figure_is_known_as_a_gap(bench: Bench) -> None:
    bench.run(61)
    bench.processor.watts = None
    bench.run(60)
    days = bench.days()
    covered_s = sum(amount.covered_s for amount in days)
    assert covered_s < 65
    assert sum(amount.expected_s for amount in days) == pytest.approx(120)


def test_the_plugs_own_counter_and_the_history_agree(bench: Bench) -> None:
    """D1: however seldom and unevenly the plug replies, within 1 % of what it counted."""
    chance = random.Random(5)
    counted_j, told_at_s, told = 0.0, bench.now_s, [0.0]

    def reply(now_s: float) -> list[Reading]:
        nonlocal counted_j, told_at_s
        counted_j += chance.uniform(30, 300)  # each second, whether it is told or not
        if now_s - told_at_s >= chance.uniform(1, 7):
            told_at_s = now_s - chance.uniform(0, 0.9)  # replies take their time
            told.append(counted_j)
        return [
            Reading(
                source="plug:shelly:192.0.2.7",
                scope=Scope.WALL,
                basis=Basis.PLUG,
                at_s=told_at_s,
                power_w=100.0,
                energy_j=told[-1],
            )
        ]

    bench.plug.read = reply  # type: ignore[method-assign]
    bench.run(1200)
    assert energy(bench.days()) == pytest.approx(told[-1], rel=0.01)


@pytest.mark.parametrize("jump_s", [-7200.0, 7200.0, -NOON_S, 86400.0 * 400])
def test_a_clock_that_is_set_makes_no_energy(bench: Bench, jump_s: float) -> None:
    bench.run(90)
    bench.wall_s += jump_s
    bench.run(91)
    assert energy(bench.days()) == pytest.approx(180 * 20.0)


def test_the_plug_is_the_machine_and_teaches_the_sensors(bench: Bench) -> None:
    chance = random.Random(3)

    def work() -> None:
        if int(bench.now_s) % 60 == 0:
            bench.processor.watts = chance.uniform(10, 60)
        bench.plug.watts = 12.0 + 1.2 * (bench.processor.watts or 0.0)

    bench.run(60 * (MIN_MINUTES + 3), work)
    last = bench.meter.trace.latest()
    assert last is not None
    assert last.basis is Basis.PLUG
    fit = bench.calibration.fit
    assert fit is not None
    assert fit.source == "rapl:package-0"
    assert fit.offset_w == pytest.approx(12, abs=1)
    assert fit.slope == pytest.approx(1.2, abs=0.05)
    bench.plug.watts, bench.processor.watts = None, 30.0
    bench.run(40)
    last = bench.meter.trace.latest()
    assert last is not None
    assert last.basis is Basis.ESTIMATE
    assert last.power_w == pytest.approx(48.0, rel=0.05)
    assert bench.meter.is_calibrated


def test_what_the_machine_takes_at_rest_is_learned_from_rest_alone(bench: Bench) -> None:
    bench.run(120)
    assert bench.meter.idle_w == pytest.approx(20.0)
    bench.processor.watts, bench.is_busy = 80.0, True
    bench.run(1200)
    assert bench.meter.idle_w == pytest.approx(20.0)
    minutes = bench.history.read(60, bench.wall_s - 300, bench.wall_s - 120)
    busy = [each.amount for each in minutes if each.amount.energy_j]
    assert [amount.idle_j / amount.energy_j for amount in busy] == pytest.approx(
        [0.25] * len(busy), rel=0.01
    )


def test_of_an_engine_that_is_not_known_to_rest_nothing_is_learned(bench: Bench) -> None:
    bench.is_busy = None
    bench.run(120)
    assert bench.meter.idle_w is None
    assert all(each.unsplit_j == each.energy_j for each in bench.days() if each.energy_j)


def test_the_baseline_outlives_a_restart_and_is_not_another_sources(tmp_path: Path) -> None:
    first = Bench(tmp_path)
    first.run(120)
    first.meter.close()
    first.history.close()
    again = Bench(tmp_path)
    again.is_busy = True
    again.run(3)
    assert again.meter.idle_w == pytest.approx(20.0)
    again.plug.watts = 70.0
    again.run(3)
    assert again.meter.idle_w is None
    again.meter.close()
    again.history.close()


def test_new_settings_close_the_samplers_before(bench: Bench) -> None:
    bench.run(2)
    bench.meter.use([Source("nvml:0", Scope.CARD, Basis.COUNTER, 5.0)])
    assert bench.plug.is_closed
    assert bench.processor.is_closed
    bench.run(3)
    assert [reading.source for reading in bench.meter.readings] == ["nvml:0"]


def test_the_thread_beats_and_ends(tmp_path: Path) -> None:
    beaten = threading.Event()

    class Watched(Source):
        def read(self, now_s: float) -> list[Reading]:
            beaten.set()
            return super().read(now_s)

    source = Watched("nvml:0", Scope.CARD, Basis.COUNTER, 5.0)
    history = PowerHistory(tmp_path / "power.db")
    meter = PowerMeter(
        [source],
        trace=PowerTrace(),
        history=history,
        baseline=Baseline(tmp_path / "baseline"),
        calibration=Calibration(tmp_path / "calibration"),
    )
    meter.start()
    assert beaten.wait(30)
    meter.close()
    assert source.is_closed
    history.close()


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        (Activity(num_open=1, idle_s=0.0), True),
        (Activity(num_open=0, idle_s=0.2), True),
        (Activity(num_open=0, idle_s=30.0), False),
        (Activity(num_open=0, idle_s=0.0), False),
        (None, None),
    ],
)
def test_the_engine_rests_only_if_it_says_so(
    activity: Activity | None, *, expected: bool | None
) -> None:
    def ask() -> Activity:
        if activity is None:
            raise EngineUnavailableError("The engine is loading.")
        return activity

    watch = EngineActivity(ask)
    watch.look()
    assert watch.is_busy() is expected
