# SPDX-License-Identifier: Apache-2.0
"""Eco mode: when it is on, what it does to sleep, and that it keeps the engine's threads."""

import datetime as dt
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.test_panel_pages import ENGINE

from atre.choices import eco_choice
from atre.choices.sleep_rules import ECO_UNLOAD_S, SleepRules
from atre.errors import ConfigError, EngineUnavailableError
from atre.ipc.eco_messages import EcoMode, EcoSettings, ThreadBasis
from atre.ipc.messages import EngineDescription
from atre.power.eco_keeper import EcoKeeper
from atre.power.thread_choice import Work

NIGHTS = EcoSettings(
    mode=EcoMode.CALENDAR, calendar="mon-fri 19:00-07:00", time_zone="Europe/Paris"
)
EIGHT = replace(ENGINE, threads=8)


@pytest.mark.parametrize(
    ("settings", "hour_utc", "expected"),
    [
        (EcoSettings(), 12, False),
        (EcoSettings(mode=EcoMode.ON), 12, True),
        (NIGHTS, 17, False),
        (NIGHTS, 18, True),
        (replace(NIGHTS, mode=EcoMode.OFF), 18, False),
    ],
)
def test_eco_mode_goes_by_the_hours_of_its_zone(
    settings: EcoSettings,
    hour_utc: int,
    expected: bool,  # noqa: FBT001
) -> None:
    monday = dt.datetime(2026, 11, 23, hour_utc, 30, tzinfo=dt.UTC)
    assert eco_choice.is_on(settings, monday) is expected


def test_a_choice_is_kept_and_nonsense_is_refused(tmp_path: Path) -> None:
    eco_choice.write(tmp_path, NIGHTS)
    assert eco_choice.read(tmp_path) == NIGHTS
    for wrong in (
        replace(NIGHTS, calendar=""),
        replace(NIGHTS, calendar="whenever"),
        replace(NIGHTS, time_zone="../passwd"),
    ):
        with pytest.raises(ConfigError):
            eco_choice.write(tmp_path, wrong)
    assert eco_choice.read(tmp_path) == NIGHTS


@pytest.mark.parametrize("content", [b"", b"{", b'{"mode": "calendar"}', b"[]", b"\xff"])
def test_a_choice_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "eco.json").write_bytes(content)
    assert eco_choice.read(tmp_path) == EcoSettings()


def test_an_idle_model_leaves_sooner_and_a_shorter_rule_counts() -> None:
    assert SleepRules().in_eco().unload_after_s == ECO_UNLOAD_S
    assert SleepRules(unload_after_s=3600.0).in_eco().unload_after_s == ECO_UNLOAD_S
    assert SleepRules(unload_after_s=60.0).in_eco().unload_after_s == 60.0


class Engine:
    """An engine that remembers how many threads it was left, until it starts anew."""

    def __init__(self) -> None:
        self.description: EngineDescription | None = EIGHT
        self.cap: int | None = None
        self.done = Work()
        self.is_eco = self.has_meter = True
        self.keeper = EcoKeeper(
            self.tell, lambda: self.done, lambda: self.is_eco, lambda: self.has_meter
        )

    def tell(self, threads: int | None) -> EngineDescription:
        if self.description is None:
            raise EngineUnavailableError("loading")
        self.cap = threads
        return self.description

    def beat(self, times: int = 1) -> None:
        for _ in range(times):
            self.keeper.beat()

    def work(self, seconds: float, j_token: float) -> None:
        tokens = 10.0 * seconds
        self.done += Work(energy_j=j_token * tokens, tokens=tokens, seconds=seconds)
        self.keeper.beat()


def test_half_of_the_threads_decode_where_nothing_measures() -> None:
    engine = Engine()
    engine.has_meter = False
    engine.beat(2)
    assert engine.cap == 4
    assert engine.keeper.state == (4, 8, ThreadBasis.HALF, [])
    engine.is_eco = False
    engine.beat()
    assert engine.cap is None
    assert engine.keeper.state == (8, 8, ThreadBasis.ALL, [])


def test_an_engine_that_starts_anew_is_told_again() -> None:
    engine = Engine()
    engine.beat(2)
    engine.description, engine.cap = None, None
    engine.beat()
    assert engine.keeper.state[:2] == (None, None)
    engine.description = EIGHT
    engine.beat(2)
    assert engine.cap == 4


def test_the_number_is_found_as_answers_go_by() -> None:
    engine = Engine()
    engine.beat(2)
    costs = {8: 3.0, 6: 2.5, 4: 2.0, 2: 2.2}
    for _ in range(4):
        engine.work(60.0, costs[engine.cap or 0])
    threads, _, basis, figures = engine.keeper.state
    assert (threads, basis) == (4, ThreadBasis.MEASURED)
    assert {each.threads: round(each.j_token, 6) for each in figures} == costs


def test_another_model_is_measured_anew() -> None:
    engine = Engine()
    engine.beat(2)
    engine.work(60.0, 2.0)
    assert engine.keeper.state[3] != []
    engine.description = replace(EIGHT, model="other")
    engine.beat()
    assert engine.keeper.state[3] == []


def test_a_model_that_sleeps_decodes_with_nothing() -> None:
    engine = Engine()
    engine.description = replace(EIGHT, asleep_since=1.0)
    engine.beat(2)
    assert engine.keeper.state[:2] == (None, None)
