# SPDX-License-Identifier: Apache-2.0
"""What the calendar begins by itself, and when it lets things be."""

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atre.atred.backup_calendar import BackupCalendar
from atre.atred.backup_verbs import BackupVerbs
from atre.backup import record
from atre.backup.jobs import BackupJobs
from atre.backup.manifest import ModelEntry
from atre.backup.models_wanted import Wanted, read_wanted
from atre.backup.order import WorkOrder
from atre.errors import BackupError
from atre.ipc.backup_messages import (
    BackupOrder,
    BackupReason,
    CreateBackup,
    DrillBackup,
    SetBackupPolicy,
)
from atre.ipc.backup_replies import BackupJob, BackupPolicy, DrillReport, JobKind, JobState
from atre.ipc.media_messages import AddFolderTarget
from atre.ipc.model_messages import PullModel
from atre.media.no_disks import NoDisks
from atre.media.targets import MediaTargets
from atre.system.durable import write_durably

NIGHT = dt.datetime(2026, 11, 22, 2, 5, tzinfo=dt.UTC)


class Noted(BackupJobs):
    """Jobs that are noted, and end at once."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.orders: list[BackupOrder] = []
        self.now: BackupJob | None = None

    def start(self, work: WorkOrder, *, then: Callable[[], None] = lambda: None) -> BackupJob:
        then()
        self.orders.append(work.order)
        return BackupJob(id="1", kind=JobKind.BACKUP, target="", state=JobState.DONE)

    def report(self) -> BackupJob | None:
        return self.now


class Models:
    """What was asked about models."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def answer(self, request: object) -> None:
        self.asked.append(request)


class Office:
    """A calendar with a clock that stands still, and two disks."""

    def __init__(self, root: Path) -> None:
        self.now = NIGHT
        (root / "data" / "state").mkdir(parents=True)
        self.jobs, self.models = Noted(root / "data"), Models()
        targets = MediaTargets(root / "data" / "state", root / "data", NoDisks())
        self.verbs = BackupVerbs(root / "data", targets, jobs=self.jobs, clock=lambda: self.now)
        for name in ("a", "b"):
            (root / name).mkdir()
            targets.add_folder(AddFolderTarget(label=name, path=str(root / name)))
        self.ids = {each.name: each.id for each in self.verbs.describe().targets}
        self.calendar = BackupCalendar(self.verbs, self.models)  # type: ignore[arg-type]

    def backed_up(self, name: str, at: dt.datetime, drilled: dt.datetime | None = None) -> None:
        report = DrillReport(
            snapshot="s", snapshot_at=0, ended_at=drilled.timestamp() if drilled else 0,
            duration_s=60, num_files=1, size_bytes=1, tables=[], problems=[], problems_fr=[],
        )  # fmt: skip
        state_dir = self.verbs.place.state_dir
        record.note(
            state_dir,
            self.ids[name],
            last_backup_at=at.timestamp(),
            last_drill=report if drilled else None,
        )


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_the_nightly_backup_goes_to_the_disk_that_waited_longest(office: Office) -> None:
    office.backed_up("a", NIGHT - dt.timedelta(days=1), drilled=NIGHT)
    office.calendar.look_at_clock()
    expected = CreateBackup(target=office.ids["b"], reason=BackupReason.SCHEDULED)
    assert office.jobs.orders == [expected]
    office.calendar.look_at_clock()
    assert len(office.jobs.orders) == 1  # tried again only an hour later
    office.now += dt.timedelta(hours=1)
    office.calendar.look_at_clock()
    assert len(office.jobs.orders) == 2


def test_a_drill_follows_when_no_backup_is_due(office: Office) -> None:
    office.backed_up("a", NIGHT, drilled=NIGHT - dt.timedelta(days=8))
    office.backed_up("b", NIGHT, drilled=NIGHT - dt.timedelta(days=2))
    office.calendar.look_at_clock()
    assert office.jobs.orders == [DrillBackup(target=office.ids["a"])]
    office.calendar.look_at_clock()
    assert len(office.jobs.orders) == 1  # one that failed is not repeated each minute


@pytest.mark.parametrize("reason", ["off", "clock", "running"])
def test_nothing_begins(office: Office, reason: str) -> None:
    if reason == "off":
        office.verbs.answer(SetBackupPolicy(policy=BackupPolicy(is_on=False)))
        office.backed_up("a", NIGHT)
    elif reason == "clock":
        office.now = dt.datetime(1970, 1, 1, 3, tzinfo=dt.UTC)
    else:
        office.jobs.now = BackupJob(id="1", kind=JobKind.BACKUP, target="a", state=JobState.RUNNING)
    office.calendar.look_at_clock()
    assert office.jobs.orders == []


def test_a_restored_boxs_models_are_fetched_and_not_asked_for_each_minute(office: Office) -> None:
    model = ModelEntry(
        name="m", sha256=("0" * 64,), size_bytes=1, source="hub:O/R/m.gguf@c", kind="model",
        is_included=False,
    )  # fmt: skip
    state_dir = office.verbs.place.state_dir
    wanted = Wanted(models=(model,), chosen="m")
    write_durably(state_dir / "models-wanted.json", msgspec.json.encode(wanted))
    office.calendar.look_for_models()
    office.calendar.look_for_models()
    assert office.models.asked == [PullModel(model="O/R/m.gguf")]
    blob = office.verbs.place.store.blob("0" * 64)
    blob.parent.mkdir(parents=True)
    blob.touch()
    office.calendar.look_for_models()
    assert read_wanted(state_dir) == Wanted()
    assert [type(each).__name__ for each in office.models.asked] == ["PullModel", "ChangeModel"]


def test_an_unplugged_disk_is_named_by_its_name(office: Office, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(BackupError, match="a: The folder is not there"):
        office.verbs.answer(CreateBackup(target="a"))
