# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from atre.errors import ClosedReason, IntakeClosedError
from atre.ipc.failure import error_from, failure
from atre.ipc.intake import Intake


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def intake(tmp_path: Path, clock: Clock) -> Intake:
    return Intake(tmp_path, clock=clock)


def test_it_is_open_until_it_is_closed_and_again_after_it_is_opened(intake: Intake) -> None:
    intake.check()
    intake.close(ClosedReason.ON_BATTERY, retry_after_s=60)
    with pytest.raises(IntakeClosedError, match="UPS") as caught:
        intake.check()
    assert (caught.value.reason, caught.value.retry_after_s) == ("on_battery", 60)

    intake.open()
    intake.open()

    intake.check()


def test_a_closing_that_nobody_renews_ends(intake: Intake, clock: Clock) -> None:
    intake.close(ClosedReason.BATTERY_LOW, retry_after_s=60)
    clock.now_s += 29
    assert intake.closed() is ClosedReason.BATTERY_LOW
    clock.now_s += 2
    assert intake.closed() is None


def test_a_closing_of_before_the_machine_started_again_is_void(
    intake: Intake, clock: Clock
) -> None:
    intake.close(ClosedReason.ON_BATTERY, retry_after_s=60)
    clock.now_s = 3.0  # the monotonic clock begins again with the machine
    assert intake.closed() is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"reason": "lunch", "retry_after_s": 1, "until_s": 1010}', "\0"]
)
def test_what_was_not_written_by_the_box_closes_nothing(
    intake: Intake, tmp_path: Path, text: str
) -> None:
    (tmp_path / "intake-closed.json").write_text(text)
    intake.check()


def test_the_refusal_crosses_the_socket_whole() -> None:
    error = IntakeClosedError(ClosedReason.BATTERY_LOW, retry_after_s=60)
    rebuilt = error_from(failure(error))
    assert isinstance(rebuilt, IntakeClosedError)
    assert (rebuilt.reason, rebuilt.retry_after_s) == (error.reason, 60)
    assert str(rebuilt) == str(error)
