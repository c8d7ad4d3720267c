# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from atre.atred import update_surroundings
from atre.atred.backup_verbs import BackupVerbs
from atre.atred.update_surroundings import Drain, back_up
from atre.config import Config
from atre.errors import BackupError, ClosedReason, IntakeClosedError, UpdateError, UpdateProblem
from atre.ipc.backup_messages import BackupReason
from atre.ipc.backup_replies import JobState
from atre.ipc.client import EngineClient
from atre.ipc.intake import Intake
from atre.ipc.presence import Activity
from atre.ipc.update_replies import UpdatePolicy


class Backups:
    """The parts of BackupVerbs that an update uses; ``asked`` is what it was asked for."""

    def __init__(self, *targets: str, state: JobState = JobState.DONE) -> None:
        self.targets = list(targets)
        self.asked: list[Any] = []
        self.refuses = False
        job = SimpleNamespace(state=state, message="The disk is full.", message_fr="Disque plein.")
        self.jobs = SimpleNamespace(wait=lambda: None, report=lambda: job)

    def ready(self) -> list[str]:
        return self.targets

    def answer(self, request: Any) -> None:
        if self.refuses:
            raise BackupError("No restic.", "Pas de restic.")
        self.asked.append(request)


def run(backups: Backups, policy: UpdatePolicy | None = None) -> None:
    back_up(cast("BackupVerbs", backups), policy or UpdatePolicy())


def test_the_backup_before_goes_to_the_first_place_or_the_chosen_one() -> None:
    backups = Backups("one", "two")
    run(backups)
    run(backups, UpdatePolicy(backup_target="two"))
    assert [each.target for each in backups.asked] == ["one", "two"]
    assert {each.reason for each in backups.asked} == {BackupReason.BEFORE_UPDATE}


def test_a_box_without_a_place_for_backups_goes_on() -> None:
    backups = Backups()
    run(backups)
    assert backups.asked == []


@pytest.mark.parametrize("refuses", [True, False])
def test_a_backup_that_fails_stops_the_update(*, refuses: bool) -> None:
    backups = Backups("one", state=JobState.FAILED)
    backups.refuses = refuses
    with pytest.raises(UpdateError) as stopped:
        run(backups)
    assert stopped.value.problem is UpdateProblem.NO_BACKUP
    assert ("No restic." if refuses else "The disk is full.") in str(stopped.value)
    assert ("Pas de restic." if refuses else "Disque plein.") in stopped.value.french


def test_running_answers_end_and_nothing_new_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ = [2, 1, 0]
    closed: list[ClosedReason | None] = []
    intake = Intake(tmp_path)

    def activity(_: EngineClient) -> Activity:
        closed.append(intake.closed())
        return Activity(num_open=open_.pop(0), idle_s=0.0)

    monkeypatch.setattr(EngineClient, "activity", activity)
    monkeypatch.setattr(update_surroundings, "_LOOK_S", 0.0)
    Drain(Config(data_dir=tmp_path, runtime_dir=tmp_path, profiles_dir=tmp_path))()
    assert closed == [ClosedReason.UPDATING] * 3
    with pytest.raises(IntakeClosedError) as refused:
        intake.check()
    assert "another version" in str(refused.value)
    assert "autre version" in refused.value.french


def test_an_engine_that_is_not_there_answers_nobody(tmp_path: Path) -> None:
    Drain(Config(data_dir=tmp_path, runtime_dir=tmp_path, profiles_dir=tmp_path))()
    assert Intake(tmp_path).closed() is ClosedReason.UPDATING
