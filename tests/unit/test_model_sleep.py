# SPDX-License-Identifier: Apache-2.0
"""Putting a model to sleep and waking it, without a process: every way that it can go."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from atre.box.model_sleep import ModelSleep, State
from atre.choices.sleep_rules import SleepRules, read_periods
from atre.ipc.messages import EngineDescription
from atre.ipc.presence import Activity
from atre.system.local_time import local_now

_RULES = SleepRules(unload_after_s=600)
_NOON = dt.datetime(2026, 11, 18, 12, 0, tzinfo=ZoneInfo("Europe/Paris"))


def description() -> EngineDescription:
    return EngineDescription(
        model="m", name="M", description="", licence="", num_parameters=1, size_bytes=1, n_ctx=1,
        n_ctx_train=1, num_slots=1, threads=1, device="cpu", started_at=0.0, num_running=0,
        num_waiting=0, queue_limit=1, kv_cells_used=0, kv_cells_total=1, decode_tokens_per_s=0.0,
        prefill_tokens_per_s=0.0, completion_tokens_total=0, requests_total=0,
    )  # fmt: skip


class Box:
    """An engine's place and a lobby that do what they are told, and a clock that is set."""

    def __init__(self, rules: SleepRules = _RULES) -> None:
        self.did: list[str] = []
        self.num_open = 0
        self.idle_s = 0.0
        self.is_engine_there = True
        self.has_model = True
        self.failures: list[str | None] = []
        self.num_waiting = 0
        self.fraction = 0.0
        self.described: EngineDescription | None = None
        self.now = _NOON
        self.must_rest = False
        self.sleep = ModelSleep(self, self, must_rest=lambda: self.must_rest)
        self.sleep.follow(rules, clock=lambda: self.now)

    def activity(self) -> Activity | None:
        if not self.is_engine_there:
            return None
        return Activity(num_open=self.num_open, idle_s=0.0 if self.num_open else self.idle_s)

    def describe(self) -> EngineDescription | None:
        return description() if self.is_engine_there and self.has_model else None

    def lead_to_lobby(self) -> None:
        assert self.described, "who comes to the lobby must be received"
        self.did.append("lobby")

    def lead_to_engine(self) -> None:
        self.did.append("engine")

    def unload(self) -> None:
        assert self.num_open == 0 or self.must_rest
        self.did.append("unload")
        self.is_engine_there = False

    def wake(self, fraction: float | None = None) -> None:
        if fraction is None:
            self.did.append("wake")
        else:
            self.fraction = fraction

    def reload(self) -> None:
        self.did.append("reload")

    def loaded_fraction(self) -> float:
        return 0.43

    def wake_failure(self) -> str | None:
        return self.failures.pop(0) if self.failures else None

    def is_loaded(self) -> bool:
        return self.is_engine_there

    def take_over(self, description: EngineDescription) -> None:
        self.described = description

    def refuse(self, reason: str) -> None:
        self.did.append(f"refuse: {reason}")
        self.num_waiting = 0

    def hand_over(self) -> None:
        assert self.did[-1] == "engine", "the address leads there first"
        self.did.append("hand over")
        self.num_waiting = 0

    def tick(self, count: int = 1, *, is_changing: bool = False) -> float:
        for _ in range(count):
            wait_s = self.sleep.tick(is_changing=is_changing)
        return wait_s


@pytest.fixture
def asleep() -> Box:
    box = Box()
    box.idle_s = 600.0
    box.tick(3)
    assert box.sleep.state is State.ASLEEP
    box.did.clear()
    return box


def test_in_eco_mode_an_idle_model_leaves_without_any_other_rule() -> None:
    box = Box(SleepRules())
    box.idle_s = 299.0
    is_eco = [False]
    box.sleep.follow(SleepRules(), clock=local_now, is_eco=lambda: is_eco[0])
    box.tick(3)
    is_eco[0] = True
    box.tick(3)
    assert box.did == []
    box.idle_s = 300.0
    box.tick(3)
    assert box.sleep.state is State.ASLEEP


def test_a_box_that_must_rest_lets_answers_end_and_comes_back_by_itself() -> None:
    box = Box(SleepRules())
    box.must_rest, box.num_open = True, 1
    box.tick(5)
    assert box.did == ["lobby"]
    box.num_open = 0
    box.tick()
    assert box.did == ["lobby", "unload"]
    box.tick(100)
    assert box.sleep.state is State.ASLEEP
    box.must_rest = False
    box.tick()
    assert box.did == ["lobby", "unload", "wake"]
    box.is_engine_there = True
    box.tick()
    assert box.did[-1] == "hand over"


def test_an_answer_that_does_not_end_is_cut_when_the_box_must_rest() -> None:
    box = Box(SleepRules())
    box.must_rest, box.num_open = True, 1
    box.tick(19)
    assert box.did == ["lobby"]
    box.tick()
    assert box.did == ["lobby", "unload"]


def test_who_comes_wakes_nothing_while_the_box_must_rest(asleep: Box) -> None:
    asleep.must_rest, asleep.num_waiting = True, 1
    asleep.tick(3)
    assert asleep.did == []


def test_a_model_that_is_waking_goes_too(asleep: Box) -> None:
    asleep.num_waiting = 1
    asleep.tick()
    asleep.must_rest = True
    asleep.tick()
    assert asleep.did == ["wake", "unload"]
    assert asleep.sleep.state is State.ASLEEP


def test_it_sleeps_after_idle_time_and_says_since_when() -> None:
    box = Box()
    box.idle_s = 599.0
    assert box.tick() == pytest.approx(1.0)
    box.idle_s = 600.0
    box.tick(3)
    assert box.did == ["lobby", "unload"]
    assert box.described
    assert box.described.asleep_since == _NOON.timestamp()


def test_it_never_sleeps_while_somebody_is_answered() -> None:
    box = Box()
    box.num_open, box.idle_s = 1, 1e9
    box.tick(50)
    assert box.did == []


@pytest.mark.parametrize("place", ["lobby", "engine"])
def test_a_request_in_the_moment_of_leaving_turns_it_back(place: str) -> None:
    box = Box()
    box.idle_s = 600.0
    box.tick(2)
    assert box.did == ["lobby"]
    box.num_waiting, box.num_open = int(place == "lobby"), int(place == "engine")
    box.tick()
    assert box.did == ["lobby", "engine", "hand over"]
    assert box.sleep.state is State.AWAKE


def test_an_engine_without_a_model_does_not_sleep() -> None:
    box = Box()
    box.has_model, box.idle_s = False, 600.0
    box.tick(5)
    assert box.did == []


def test_it_sleeps_until_somebody_waits_and_tells_how_far_it_is(asleep: Box) -> None:
    asleep.tick(50)
    assert asleep.did == []
    asleep.num_waiting = 1
    asleep.tick(2)
    assert asleep.did == ["wake"]
    assert asleep.fraction == 0.43
    asleep.is_engine_there = True
    asleep.tick()
    assert asleep.did == ["wake", "engine", "hand over"]


def wake_with(box: Box, *failures: str | None) -> None:
    box.num_waiting = 1
    box.tick()
    box.failures = list(failures)
    box.tick(len(failures))


def test_what_fails_is_planned_anew_once(asleep: Box) -> None:
    wake_with(asleep, "killed")
    asleep.is_engine_there = True
    asleep.tick()
    assert asleep.did == ["wake", "reload", "engine", "hand over"]


def test_what_fails_twice_is_said_and_tried_again_at_the_next_question(asleep: Box) -> None:
    wake_with(asleep, "killed", None, "no memory")
    assert asleep.did == ["wake", "reload", "unload", "refuse: no memory"]
    assert asleep.sleep.state is State.ASLEEP
    asleep.tick(5)
    assert asleep.did[4:] == []
    asleep.did.clear()
    wake_with(asleep, "killed")
    assert asleep.did == ["wake", "reload"]


def test_another_models_load_is_left_alone_and_opens_the_door(asleep: Box) -> None:
    asleep.num_waiting = 1
    asleep.tick(5, is_changing=True)
    assert asleep.did == []
    asleep.is_engine_there = True
    asleep.tick()
    assert asleep.did == ["engine", "hand over"]


def test_a_change_of_an_awake_model_is_none_of_its_business() -> None:
    box = Box()
    box.idle_s = 1e9
    box.tick(5, is_changing=True)
    assert box.did == []
    assert box.sleep.state is State.AWAKE


def test_it_wakes_when_the_office_opens() -> None:
    box = Box(SleepRules(periods=read_periods("19:00-07:00")))
    box.idle_s = 1e9
    box.tick(3)
    assert box.did == []
    box.now = _NOON.replace(hour=19)
    box.tick(4)
    assert box.did == ["lobby", "unload"]
    box.now = _NOON.replace(day=19, hour=6, minute=59)
    assert box.tick(3) == 60.0
    assert box.did == ["lobby", "unload"]
    box.now = _NOON.replace(day=19, hour=7)
    box.tick()
    assert box.did == ["lobby", "unload", "wake"]


def test_rules_that_change_count_from_the_next_look_on() -> None:
    box = Box(SleepRules())
    box.idle_s = 10_000.0
    box.sleep.tick(is_changing=False)
    assert box.did == []
    box.sleep.follow(_RULES, clock=lambda: box.now)
    for _ in range(4):
        box.sleep.tick(is_changing=False)
    assert box.did == ["lobby", "unload"]
    box.sleep.follow(SleepRules(), clock=lambda: box.now)
    box.sleep.tick(is_changing=False)
    assert box.did[-1] == "wake", "a model that shall not sleep is not left asleep"
