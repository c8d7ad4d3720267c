# SPDX-License-Identifier: Apache-2.0
"""The panel's way to another model, beside a box that is played here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from atre.atred.model_switch import ModelSwitch
from atre.config import Config
from atre.errors import EngineUnavailableError, ModelProblem, ModelStoreError
from atre.ipc.model_messages import Phase
from atre.models.change import ChangeStatus
from atre.models.change_request import RequestSocket, forget_status, write_status
from atre.models.store import Store
from atre.sentence import Sentence


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def box(config: Config) -> Iterator[RequestSocket]:
    config.runtime_dir.mkdir()
    made = RequestSocket(config.runtime_dir)
    yield made
    made.close()


@pytest.fixture
def switch(config: Config, clock: Clock) -> ModelSwitch:
    return ModelSwitch(config, Store(config.data_dir / "models"), clock)


def note(config: Config, request_id: str, phase: Phase, **more: str | Sentence) -> None:
    write_status(
        config.runtime_dir,
        ChangeStatus(request_id=request_id, wanted="factory", phase=phase, **more),  # type: ignore[arg-type]
    )


def test_a_wish_is_followed_from_the_first_moment_to_its_end(
    box: RequestSocket, switch: ModelSwitch, config: Config
) -> None:
    assert switch.report() is None
    assert switch.ask("factory").phase is Phase.DRAINING
    with pytest.raises(ModelStoreError) as caught:
        switch.ask("factory")
    assert caught.value.problem is ModelProblem.CHANGING, "before the box took it up"
    asked = box.next_request()
    assert asked is not None
    note(config, asked.id, Phase.LOADING)
    assert switch.is_running
    with pytest.raises(ModelStoreError):
        switch.ask("factory")
    note(
        config,
        asked.id,
        Phase.FAILED,
        reason=Sentence("it ended", "il s’est arrêté"),
        loaded="before",
    )
    told = switch.report()
    assert told is not None
    assert (told.phase, told.reason, told.answering) == (Phase.FAILED, "it ended", "before")
    assert told.reason_fr == "il s’est arrêté"
    assert not switch.is_running
    assert switch.ask("factory").phase is Phase.DRAINING


def test_a_change_that_a_command_asked_for_counts_too(
    box: RequestSocket, switch: ModelSwitch, config: Config
) -> None:
    note(config, "theirs", Phase.TRYING)
    with pytest.raises(ModelStoreError) as caught:
        switch.ask("factory")
    assert caught.value.problem is ModelProblem.CHANGING
    forget_status(config.runtime_dir)  # the box was started again
    assert switch.report() is None
    assert switch.ask("factory")
    assert box.next_request() is not None


def test_a_wish_that_the_box_never_takes_up_is_given_up(
    box: RequestSocket, switch: ModelSwitch, clock: Clock
) -> None:
    switch.ask("factory")
    clock.now_s = 31.0
    assert switch.report() is None
    assert switch.ask("factory")
    assert box.next_request() is not None


def test_what_cannot_change_says_why(switch: ModelSwitch, config: Config, clock: Clock) -> None:
    with pytest.raises(EngineUnavailableError, match="stopping or starting"):
        switch.ask("factory")
    with pytest.raises(ModelStoreError) as caught:
        switch.ask("nobody")
    assert caught.value.problem is ModelProblem.UNKNOWN
    fixed = Config(
        data_dir=config.data_dir,
        runtime_dir=config.runtime_dir,
        profiles_dir=Path("/"),
        model="x.gguf",
    )
    with pytest.raises(ModelStoreError) as caught:
        ModelSwitch(fixed, Store(config.data_dir / "models"), clock).ask("factory")
    assert caught.value.problem is ModelProblem.FIXED
