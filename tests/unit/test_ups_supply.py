# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from atre.errors import ClosedReason
from atre.ipc.intake import Intake
from atre.ipc.power_messages import Supply
from atre.power.ups.guard import UpsGuard
from atre.power.ups.state import UpsState
from atre.power.ups.supply import Outage, follow, supply
from atre.power.ups.watch import Heard

MAINS = UpsState(name="u", is_on_battery=False)
BATTERY = UpsState(name="u", is_on_battery=True, charge=0.9, runtime_s=900)


def _after(*states: tuple[float, UpsState]) -> Outage | None:
    outage = None
    for now_s, state in states:
        outage = follow(outage, state, now_s)
    return outage


def _now(state: UpsState, outage: Outage | None, *, heard_s: float, now_s: float) -> Supply:
    return supply(state, outage, heard_s=heard_s, now_s=now_s)


def test_a_box_that_never_heard_a_ups_does_not_know() -> None:
    assert supply(None, None, heard_s=0, now_s=1e6) is Supply.UNKNOWN


def test_battery_and_back() -> None:
    outage = _after((0, MAINS), (10, BATTERY))
    assert _now(BATTERY, outage, heard_s=10, now_s=10) is Supply.BATTERY
    outage = follow(outage, MAINS, 20)
    assert outage is None
    assert _now(MAINS, outage, heard_s=20, now_s=20) is Supply.MAINS


@pytest.mark.parametrize(
    "last",
    [
        UpsState(name="u", is_on_battery=True, is_low=True),
        UpsState(name="u", is_on_battery=True, is_ending=True),
        UpsState(name="u", is_on_battery=False, is_ending=True),
    ],
)
def test_a_low_battery_or_the_masters_word_ends_it(last: UpsState) -> None:
    assert _now(last, _after((0, last)), heard_s=0, now_s=0) is Supply.ENDING


def test_a_low_battery_on_mains_is_one_that_charges() -> None:
    charging = UpsState(name="u", is_on_battery=False, is_low=True)
    assert _now(charging, _after((0, charging)), heard_s=0, now_s=0) is Supply.MAINS


def test_a_battery_under_test_is_no_outage() -> None:
    testing = UpsState(name="u", is_on_battery=True, is_testing=True)
    assert _now(testing, _after((0, testing)), heard_s=0, now_s=0) is Supply.MAINS


def test_a_ups_that_falls_silent_on_battery_is_believed_empty() -> None:
    outage = _after((0, BATTERY))
    assert _now(BATTERY, outage, heard_s=0, now_s=14) is Supply.BATTERY
    assert _now(BATTERY, outage, heard_s=0, now_s=16) is Supply.ENDING


def test_a_word_without_a_status_does_not_bring_the_mains_back() -> None:
    outage = _after((0, BATTERY), (2, UpsState(name="u")))
    assert outage is not None
    assert outage.since_s == 0


def test_a_ups_that_falls_silent_on_mains_stops_nobody() -> None:
    assert _now(MAINS, _after((0, MAINS)), heard_s=0, now_s=1000) is Supply.UNKNOWN


def test_figures_that_stand_still_are_not_trusted_for_long() -> None:
    outage = _after(*((now_s, BATTERY) for now_s in range(0, 400, 2)))
    assert _now(BATTERY, outage, heard_s=290, now_s=290) is Supply.BATTERY
    assert _now(BATTERY, outage, heard_s=302, now_s=302) is Supply.ENDING


def test_a_ups_without_figures_is_given_five_minutes() -> None:
    blind = UpsState(name="u", is_on_battery=True)
    outage = _after((0, blind), (298, blind))
    assert _now(blind, outage, heard_s=298, now_s=298) is Supply.BATTERY
    assert _now(blind, outage, heard_s=302, now_s=302) is Supply.ENDING


def test_figures_that_move_are_trusted() -> None:
    states = [
        (now_s, UpsState(name="u", is_on_battery=True, charge=1 - now_s / 10_000))
        for now_s in range(0, 2000, 60)
    ]
    last_s, last = states[-1]
    assert _now(last, _after(*states), heard_s=last_s, now_s=last_s) is Supply.BATTERY


def test_the_intake_follows_and_low_stays_low_until_the_mains_are_back(tmp_path: Path) -> None:
    intake, changes = Intake(tmp_path, clock=lambda: 0.0), []
    guard = UpsGuard(intake, on_change=lambda: changes.append(intake.closed()))
    seen = []
    for where in [
        Supply.MAINS, Supply.BATTERY, Supply.ENDING, Supply.BATTERY, Supply.UNKNOWN, Supply.MAINS,
    ]:  # fmt: skip
        guard.hear(Heard(supply=where))
        seen.append(intake.closed())
    low = ClosedReason.BATTERY_LOW
    assert seen == [None, ClosedReason.ON_BATTERY, low, low, low, None]
    assert changes == [ClosedReason.ON_BATTERY, low, None]


def test_a_closing_is_renewed_before_it_ends(tmp_path: Path) -> None:
    now_s = 0.0
    intake = Intake(tmp_path, clock=lambda: now_s)
    guard = UpsGuard(intake, on_change=lambda: None, clock=lambda: now_s)
    while now_s < 100:
        guard.hear(Heard(supply=Supply.BATTERY))
        assert intake.closed() is ClosedReason.ON_BATTERY
        now_s += 2


def test_a_ups_that_is_taken_out_of_the_settings_holds_nothing(tmp_path: Path) -> None:
    intake = Intake(tmp_path)
    guard = UpsGuard(intake, on_change=lambda: None)
    guard.hear(Heard(supply=Supply.ENDING))
    guard.forget()
    assert intake.closed() is None


def test_a_full_disk_only_delays(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    guard = UpsGuard(Intake(gone), on_change=lambda: None)
    guard.hear(Heard(supply=Supply.BATTERY))
    gone.mkdir()
    guard.hear(Heard(supply=Supply.BATTERY))
    assert Intake(gone).closed() is ClosedReason.ON_BATTERY
