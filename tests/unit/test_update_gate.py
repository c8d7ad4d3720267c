# SPDX-License-Identifier: Apache-2.0
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fake_installer import FakeInstaller, fake_bundle

from atre.ipc.client import EngineClient, ManagementClient
from atre.ipc.update_replies import Check
from atre.sentence import Sentence
from atre.system.slot import Started
from atre.updates.gate import Clocks, HealthGate
from atre.updates.probes import bounded, data, panel, services
from atre.updates.record import UpdateRecord
from atre.updates.trial import DEADLINE_S, Probe, Verdict, decide, examine

WAITS = Sentence("not yet", "pas encore")


def healthy() -> dict[Check, Probe]:
    return {each: lambda: None for each in Check}


class Trial:
    """A box on trial; each pause of the gate takes ``step_s``."""

    def __init__(self, folder: Path) -> None:
        self.installer = FakeInstaller()
        self.installer.install(fake_bundle(folder), lambda _: None)
        assert self.installer.boot() == "b"
        self.record = UpdateRecord(folder)
        self.up_s = 30.0
        self.looks: list[Callable[[], None]] = []
        self.gate = HealthGate(
            Started("b", self.installer.choice.trial_id),
            "2.0.0",
            self.installer,
            self.record,
            log=lambda: "the end of the log",
            clocks=Clocks(up=lambda: self.up_s, wall=lambda: 5.0, sleep=self.sleep),
        )

    def sleep(self, _: float) -> None:
        self.up_s += 100.0


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


def test_a_healthy_version_is_kept(trial: Trial) -> None:
    assert trial.gate.run(healthy()) is Verdict.KEEP
    assert trial.installer.boot() == "b"
    assert trial.installer.choice.good == "b"
    assert trial.record.sickness() is None


@pytest.mark.parametrize("sick", list(Check))
def test_one_check_that_never_passes_brings_the_old_version_back(trial: Trial, sick: Check) -> None:
    probes = {**healthy(), sick: lambda: WAITS}
    assert trial.gate.run(probes) is Verdict.GIVE_UP
    assert trial.up_s >= DEADLINE_S
    assert trial.installer.boot() == "a"
    told = trial.record.sickness()
    assert told is not None
    assert (told.failed, told.log, told.slot) == (sick, "the end of the log", "b")
    assert "not yet" in told.text
    assert "pas encore" in told.text_fr
    passed = trial.record.passed()
    assert passed is not None
    assert passed.passed == list(Check)[: list(Check).index(sick)]


def test_what_comes_late_but_in_time_is_enough(trial: Trial) -> None:
    assert trial.gate.run({**healthy(), Check.TOKEN: lambda: WAITS if trial.up_s < 300 else None})
    assert trial.installer.choice.good == "b"


def test_all_checks_are_asked_and_none_after_one_that_waits() -> None:
    asked: list[Check] = []

    def noting(check: Check) -> Probe:
        def probe() -> Sentence | None:
            asked.append(check)
            return WAITS if check is Check.PANEL else None

        return probe

    examine({each: noting(each) for each in Check})
    assert asked == [Check.DATA, Check.SERVICES, Check.PANEL]
    health = examine(healthy())
    assert decide(health, DEADLINE_S * 2) is Verdict.KEEP
    assert health.passed == tuple(Check)


def test_a_full_disk_keeps_nobody_in_a_sick_version(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trial.record, "_write", full)
    assert trial.gate.run({**healthy(), Check.DATA: lambda: WAITS}) is Verdict.GIVE_UP
    assert trial.installer.boot() == "a"


def test_a_gate_that_is_started_anew_gets_no_more_time(trial: Trial) -> None:
    trial.up_s = DEADLINE_S + 1
    assert trial.gate.run({**healthy(), Check.NAME: lambda: WAITS}) is Verdict.GIVE_UP


def test_a_box_that_never_began_is_given_up(trial: Trial) -> None:
    assert trial.gate.give_up_without_box() is Verdict.GIVE_UP
    assert trial.installer.boot() == "a"


def test_a_probe_that_hangs_or_breaks_is_an_answer() -> None:
    gone = threading.Event()

    def hang() -> None:
        gone.wait()

    waits = bounded(hang, longest_s=0.01)()
    gone.set()
    assert waits is not None
    assert "does not answer" in waits.text

    def broken() -> None:
        raise RuntimeError("boom")

    told = bounded(broken)()
    assert told is not None
    assert "boom" in told.text
    assert bounded(lambda: None)() is None


def test_an_empty_folder_of_the_root_is_not_the_data_partition(tmp_path: Path) -> None:
    assert data(tmp_path, needs_mount=False) is None
    assert (tmp_path / "state" / "updates" / "written").is_file()
    on_root = tmp_path.stat().st_dev == Path("/").stat().st_dev
    told = data(tmp_path)
    assert (told is not None and "not mounted" in told.text) is on_root
    missing = data(tmp_path / "gone" / "file", needs_mount=True)
    assert missing is not None


def test_a_panel_that_is_not_there_is_sick() -> None:
    told = panel(9)  # discard(9): nobody answers HTTP there
    assert told is not None
    assert "does not answer" in told.text


def test_services_that_are_not_there_are_told_for_the_days_after(tmp_path: Path) -> None:
    told = services(EngineClient(tmp_path / "engine"), ManagementClient(tmp_path / "management"))
    assert told
    assert told.text == "The box's management does not answer."
    assert told.text_fr == "La gestion du boîtier ne répond pas."


def test_an_engine_that_is_not_there_is_told_beside_a_management_that_is(tmp_path: Path) -> None:
    management = ManagementClient(tmp_path / "management")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ManagementClient, "describe", lambda _self: None)
        told = services(EngineClient(tmp_path / "engine"), management)
    assert told
    assert told.text == "The engine does not answer, or still loads its model."
