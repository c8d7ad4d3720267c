# SPDX-License-Identifier: Apache-2.0
import contextlib
import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.fake_installer import FakeInstaller, fake_bundle

from atre.atred import update_verbs
from atre.atred.update_calendar import UpdateCalendar
from atre.atred.update_verbs import UpdateVerbs
from atre.config import Config
from atre.errors import UpdateError, UpdateProblem
from atre.ipc.backup_replies import JobState
from atre.ipc.update_messages import (
    CancelUpdate,
    CheckUpdate,
    ConfirmUpdate,
    DescribeUpdates,
    GoBack,
    InstallUpdate,
    RestartIntoUpdate,
    SetUpdatePolicy,
    SourceKind,
    UpdateSource,
)
from atre.ipc.update_replies import (
    Check,
    SlotState,
    UpdateJob,
    UpdateOverview,
    UpdatePolicy,
    UpdateStage,
)
from atre.system.slot import Started
from atre.updates.box_update import Around
from atre.updates.channel import Channel
from atre.updates.installer import SystemFacts
from atre.updates.look import Sources
from atre.updates.record import Passed, Sickness

NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


class Office:
    """A box with a stand-in for RAUC; ``log`` says what happened around an update."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.installer = FakeInstaller()
        self.log: list[str] = []
        self.boot = 1
        self.backup_error: UpdateError | None = None
        self.stick: list[Path] = []
        self.verbs = self.start()

    def start(self) -> UpdateVerbs:
        """The daemon, after a start of the machine or of itself."""
        system = self.installer.facts()
        assert system.running is not None
        config = Config(
            data_dir=self.folder, runtime_dir=self.folder / "run", profiles_dir=self.folder
        )
        sources = Sources(
            self.folder / "updates",
            self.installer,
            Channel("stable"),
            lambda: contextlib.nullcontext(self.stick),
        )
        around = Around(
            version=self.installer.version,
            boot_id=str(self.boot),
            back_up=self.back_up,
            drain=lambda: self.log.append("drain"),
            restart=lambda: self.log.append("restart"),
            now=lambda: NOON,
        )
        choice = self.installer.choice
        trial = choice.trial_id if choice.trial == system.running.slot else ""
        self.verbs = UpdateVerbs(
            config, self.installer, sources, around, started=Started(system.running.slot, trial)
        )
        return self.verbs

    def back_up(self, _: UpdatePolicy) -> None:
        if self.backup_error is not None:
            raise self.backup_error
        self.log.append("backup")

    def reboot(self, *, falls_back: bool = False) -> None:
        self.boot += 1
        self.installer.boot(falls_back=falls_back)
        self.start()

    def install(self, bundle: Path, *, at_hour: bool = False) -> UpdateJob:
        source = UpdateSource(kind=SourceKind.FILE, location=str(bundle))
        self.verbs.answer(InstallUpdate(source=source, at_hour=at_hour))
        return self.ended()

    def ended(self) -> UpdateJob:
        self.verbs.jobs.wait()
        job = self.verbs.jobs.report()
        assert job is not None
        return job

    def look(self) -> UpdateOverview:
        return self.verbs.answer(DescribeUpdates())

    def states(self) -> dict[str, SlotState]:
        return {each.name: each.state for each in self.look().slots}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    found = Office(tmp_path)
    yield found
    found.verbs.close()


def test_an_update_goes_from_a_file_to_a_kept_version_and_back(office: Office) -> None:
    assert office.states() == {"a": SlotState.CONFIRMED, "b": SlotState.EMPTY}
    job = office.install(fake_bundle(office.folder))
    assert job.state is JobState.DONE
    assert job.version == "2.0.0"
    assert office.log == ["backup", "drain", "restart"]
    assert office.states()["b"] is SlotState.READY

    office.reboot()
    office.verbs.record.set_passed(
        Passed(trial_id=office.installer.choice.trial_id, passed=[Check.DATA])
    )
    told = office.look()
    assert office.states() == {"a": SlotState.CONFIRMED, "b": SlotState.ON_TRIAL}
    assert told.trial is not None
    assert told.trial.passed == [Check.DATA]

    told = office.verbs.answer(ConfirmUpdate())
    assert told.trial is None
    assert told.last_return is None
    assert office.states() == {"a": SlotState.CONFIRMED, "b": SlotState.CONFIRMED}
    assert told.go_back is not None
    assert told.go_back.version == "1.0.0"
    assert told.go_back.refusal is None

    office.verbs.answer(GoBack())
    office.ended()
    office.reboot()
    assert office.look().version == "1.0.0"
    office.verbs.answer(ConfirmUpdate())
    back = office.look().last_return
    assert back is not None
    assert back.was_asked


def test_a_version_that_does_not_come_up_is_told_with_its_reason(office: Office) -> None:
    office.install(fake_bundle(office.folder))
    office.reboot(falls_back=True)
    told = office.look()
    assert told.last_return is not None
    assert "three times" in told.last_return.reason.text
    assert (told.last_return.version, told.last_return.back_to) == ("2.0.0", "1.0.0")
    assert office.states() == {"a": SlotState.CONFIRMED, "b": SlotState.FAILED}
    with pytest.raises(UpdateError) as refused:
        office.verbs.answer(GoBack())
    assert refused.value.problem is UpdateProblem.EXPIRED
    # It may be tried again, and the old news go.
    office.install(fake_bundle(office.folder))
    assert office.look().last_return is None


def test_what_the_health_check_wrote_is_shown(office: Office) -> None:
    office.install(fake_bundle(office.folder))
    office.reboot()
    office.verbs.record.set_sickness(
        Sickness(
            version="2.0.0", slot="b", at=9e12, failed=Check.PANEL, text="It is dead.",
            text_fr="Il est mort.", log="last words",
        )
    )  # fmt: skip
    office.installer.give_up("b")
    office.reboot()
    back = office.look().last_return
    assert back is not None
    assert (back.failed, back.log, back.reason.text) == (Check.PANEL, "last words", "It is dead.")


def test_nothing_is_installed_on_trial_and_the_trial_can_be_left(office: Office) -> None:
    office.install(fake_bundle(office.folder))
    office.reboot()
    with pytest.raises(UpdateError) as refused:
        office.install(fake_bundle(office.folder, version="3.0.0"))
    assert refused.value.problem is UpdateProblem.UNCONFIRMED
    office.verbs.answer(GoBack())
    office.ended()
    office.reboot()
    assert office.look().version == "1.0.0"


@pytest.mark.parametrize(
    ("bundle", "problem"),
    [
        ({"is_ours": False}, UpdateProblem.SIGNATURE),
        ({"compatible": "other"}, UpdateProblem.COMPATIBLE),
        ({"version": "0.9.0"}, UpdateProblem.OLDER),
        ({"meta": {"channel": "beta"}}, UpdateProblem.CHANNEL),
        ({"meta": {"channel": "stable", "minimum-version": "1.9.0"}}, UpdateProblem.STEP),
    ],
)
def test_a_bundle_that_is_not_for_us_leaves_the_box_untouched(
    office: Office, bundle: dict[str, object], problem: UpdateProblem
) -> None:
    before = office.installer.facts()
    job = office.install(fake_bundle(office.folder, **bundle))  # type: ignore[arg-type]
    assert (job.state, job.problem) == (JobState.FAILED, problem)
    assert job.message is not None
    assert job.message.text_fr != job.message.text
    assert office.installer.facts() == before
    assert office.log == []


def test_without_the_backup_before_nothing_is_written(office: Office) -> None:
    office.backup_error = UpdateError("full", "plein", problem=UpdateProblem.NO_BACKUP)
    job = office.install(fake_bundle(office.folder))
    assert (job.stage, job.problem) == (UpdateStage.BACKING_UP, UpdateProblem.NO_BACKUP)
    assert office.installer.written == b""


def test_the_newest_good_bundle_of_a_stick_is_offered(office: Office) -> None:
    stick = office.folder / "stick"
    (stick / "atre").mkdir(parents=True)
    fake_bundle(stick, version="1.2.0")
    fake_bundle(stick / "atre", version="1.10.0")
    fake_bundle(stick, version="9.0.0", is_ours=False)
    (stick / "._1.2.0.raucb").write_bytes(b"of a Mac")
    office.stick = [stick]
    office.verbs.answer(CheckUpdate(source=UpdateSource(kind=SourceKind.USB)))
    office.ended()
    offer = office.look().offer
    assert offer is not None
    assert offer.release is not None
    assert (offer.release.version, offer.refusal) == ("1.10.0", None)


@pytest.mark.parametrize("has_stranger", [True, False])
def test_a_stick_without_an_update_says_what_to_do(office: Office, *, has_stranger: bool) -> None:
    stick = office.folder / "stick"
    stick.mkdir()
    if has_stranger:
        fake_bundle(stick, is_ours=False)
    office.stick = [stick]
    office.verbs.answer(CheckUpdate(source=UpdateSource(kind=SourceKind.USB)))
    wanted = UpdateProblem.SIGNATURE if has_stranger else UpdateProblem.NO_BUNDLE
    assert office.ended().problem == wanted


def test_an_offer_says_why_it_cannot_be_had(office: Office) -> None:
    source = UpdateSource(
        kind=SourceKind.FILE, location=str(fake_bundle(office.folder, version="0.5.0"))
    )
    office.verbs.answer(CheckUpdate(source=source))
    office.ended()
    offer = office.look().offer
    assert offer is not None
    assert offer.problem == UpdateProblem.OLDER
    assert offer.refusal is not None


def waiting(office: Office) -> None:
    """An install that waits for its hour."""
    source = UpdateSource(kind=SourceKind.FILE, location=str(fake_bundle(office.folder)))
    seen = threading.Event()
    progress_stage = office.verbs.work.wait_and_restart

    def wait_and_restart(progress: object, *, at_hour: bool) -> None:
        seen.set()
        progress_stage(progress, at_hour=at_hour)  # type: ignore[arg-type]

    office.verbs.work.wait_and_restart = wait_and_restart  # type: ignore[method-assign]
    office.verbs.answer(InstallUpdate(source=source, at_hour=True))
    assert seen.wait(20)
    while (job := office.verbs.jobs.report()) and job.stage is UpdateStage.WRITING:
        threading.Event().wait(0.001)


def test_at_its_hour_or_when_somebody_says_so_it_restarts(office: Office) -> None:
    waiting(office)
    job = office.look().job
    assert job is not None
    assert job.restart_at == (NOON + dt.timedelta(hours=15)).timestamp()
    assert "restart" not in office.log
    office.verbs.answer(RestartIntoUpdate())
    assert office.ended().state is JobState.DONE
    assert office.log[-2:] == ["drain", "restart"]


def test_what_waits_can_be_called_off(office: Office) -> None:
    waiting(office)
    office.verbs.answer(CancelUpdate())
    assert office.ended().state is JobState.CANCELLED
    office.reboot()
    told = office.look()
    assert told.version == "1.0.0"
    assert told.last_return is None


def test_a_daemon_that_is_started_anew_goes_on_waiting(office: Office) -> None:
    waiting(office)
    first = office.verbs
    office.start().resume()
    job = office.verbs.jobs.report()
    assert job is not None
    assert job.state is JobState.RUNNING
    first.jobs.hurry()
    first.jobs.wait()


def test_one_job_at_a_time(office: Office) -> None:
    waiting(office)
    with pytest.raises(UpdateError) as refused:
        office.verbs.answer(CheckUpdate(source=UpdateSource(kind=SourceKind.CHANNEL)))
    assert refused.value.problem is UpdateProblem.BUSY
    office.verbs.answer(CancelUpdate())
    office.ended()
    with pytest.raises(UpdateError) as none:
        office.verbs.answer(CancelUpdate())
    assert none.value.problem is UpdateProblem.NO_JOB


def test_a_box_without_slots_says_why_and_refuses_all(office: Office) -> None:
    office.installer.is_absent = True
    told = office.look()
    assert told.absence is not None
    assert told.slots == []
    assert told.go_back is None
    for request in (GoBack(), ConfirmUpdate(), SetUpdatePolicy(policy=UpdatePolicy())):
        with pytest.raises(UpdateError) as refused:
            office.verbs.answer(request)
        assert refused.value.problem is UpdateProblem.ABSENT


def test_the_calendar_asks_nobody_until_it_is_told_to(office: Office) -> None:
    calendar = UpdateCalendar(office.verbs)
    calendar.look_at_clock(NOON)
    assert office.verbs.jobs.report() is None
    told = office.verbs.answer(SetUpdatePolicy(policy=UpdatePolicy(asks_channel=True)))
    assert told.policy.asks_channel
    calendar.look_at_clock(NOON)
    assert office.ended().problem == UpdateProblem.NOT_ALLOWED  # this box has no channel
    calendar.look_at_clock(NOON + dt.timedelta(minutes=5))
    first = office.ended()
    calendar.look_at_clock(NOON + dt.timedelta(hours=2))
    assert office.ended().id != first.id


def test_a_settled_box_is_not_asked_for_its_slots_again_and_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    facts = office.installer.facts

    def counted() -> SystemFacts:
        asked.append(1)
        return facts()

    monkeypatch.setattr(office.installer, "facts", counted)
    monkeypatch.setattr(update_verbs, "_FRESH_S", 0.0)
    calendar = UpdateCalendar(office.verbs)
    for _ in range(3):
        calendar.look_at_clock(NOON)
        office.look()
    assert len(asked) == 1
    office.install(fake_bundle(office.folder))
    asked.clear()
    for _ in range(3):
        office.look()
    assert len(asked) >= 3


def test_what_is_written_of_updates_survives_nonsense(office: Office) -> None:
    folder = office.folder / "state" / "updates"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("policy", "installed", "return", "sickness", "offer", "passed"):
        (folder / f"{name}.json").write_bytes(b"\xff{")
    told = office.look()
    assert told.policy == UpdatePolicy()
    assert told.offer is None
    assert replace(told.policy, hour=4).hour == 4
