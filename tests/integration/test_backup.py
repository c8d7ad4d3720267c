# SPDX-License-Identifier: Apache-2.0
"""Backups with the real restic, on a folder."""

import datetime as dt
import fcntl
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from msgspec.structs import replace

from atre.atred.backup_verbs import BackupVerbs
from atre.backup import contents, creation, restoring, space
from atre.backup.creation import create
from atre.backup.event import Event, Stored
from atre.backup.keys import box_key
from atre.backup.order import WorkOrder
from atre.backup.place import Place
from atre.backup.policy import write_policy
from atre.backup.program import find_program
from atre.backup.session import Session, only_job_here, scratch
from atre.backup.swap import finish
from atre.backup.work import work
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_messages import (
    AddKey,
    ApplyRestore,
    BackupOrder,
    BackupRequest,
    ConfirmSheet,
    CreateBackup,
    DrillBackup,
    ListKeys,
    ListSnapshots,
    RemoveKey,
    ShowSheet,
    StageRestore,
    VerifyBackup,
)
from atre.ipc.backup_replies import (
    BackupJob,
    BackupPolicy,
    BackupTarget,
    JobState,
    KeyListing,
    RecoverySheet,
    SnapshotListing,
)
from atre.ipc.media_messages import AddFolderTarget, TargetState
from atre.ipc.message import Message
from atre.media.folder import MARK
from atre.media.no_disks import NoDisks
from atre.media.targets import MediaTargets
from atre.space.estimate import BackupSize, bytes_needed
from atre_web.accounts.database import connect
from atre_web.accounts.migrations import migrate

if TYPE_CHECKING:
    from types import ModuleType

    from tests.integration.running_box import RunningBox

Reply = TypeVar("Reply", bound=Message)
_POLL_S = 0.02
_TIMEOUT_S = 120.0


class Office:
    """A box's data without the box, and a disk."""

    def __init__(self, root: Path) -> None:
        self.place = Place(root / "data")
        self.disk = root / "disk"
        for folder in (self.place.state_dir, self.disk, self.place.data_dir / "logs"):
            folder.mkdir(parents=True)
        (self.place.state_dir / "race.json").write_text("{}", "utf-8")
        (self.place.data_dir / "logs" / "x.log").write_text("log", "utf-8")
        with closing(connect(self.place.database)) as connection:
            migrate(connection)
            connection.execute("INSERT INTO groups VALUES ('g', 'atelier', 'atelier', 0)")
        self.targets = targets_of(self.place)
        self.targets.add_folder(AddFolderTarget(label="disk", path=str(self.disk)))
        self.verbs = BackupVerbs(self.place.data_dir, self.targets)
        self.said: list[Event] = []

    @property
    def target(self) -> BackupTarget:
        return self.verbs.describe().targets[0]

    @property
    def repository(self) -> Path:
        (found,) = self.disk.glob("atre-*")
        return found

    def order(self, order: BackupOrder) -> WorkOrder:
        (target_id,) = self.verbs.ready()
        with self.targets.hold(target_id) as target:
            pass
        return WorkOrder(order=order, target=target, policy=BackupPolicy())

    def do(self, order: BackupOrder) -> None:
        work(self.place, self.order(order), self.said.append)


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office with a confirmed sheet and one backup, which no test changes."""
    office = Office(tmp_path_factory.mktemp("office"))
    sheet = ask(office.verbs, ShowSheet(), RecoverySheet)
    office.verbs.answer(ConfirmSheet(key=sheet.key))
    office.do(CreateBackup(target="disk"))
    yield office
    office.verbs.close()


@pytest.fixture
def office(backed_up: Office, tmp_path: Path) -> Iterator[Office]:
    """A copy of it, to do with as one likes."""
    shutil.copytree(backed_up.place.data_dir.parent, tmp_path / "own")
    made = object.__new__(Office)
    made.place, made.disk = Place(tmp_path / "own" / "data"), tmp_path / "own" / "disk"
    book = made.place.state_dir / "backup-targets.json"
    moved = book.read_text("utf-8").replace(str(backed_up.disk), str(made.disk))
    book.write_text(moved, "utf-8")
    made.targets, made.said = targets_of(made.place), []
    made.verbs = BackupVerbs(made.place.data_dir, made.targets)
    yield made
    made.verbs.close()


def targets_of(place: Place) -> MediaTargets:
    return MediaTargets(place.state_dir, place.data_dir, NoDisks())


def ask(verbs: BackupVerbs, request: BackupRequest, kind: type[Reply]) -> Reply:
    reply = verbs.answer(request)
    assert isinstance(reply, kind)
    return reply


def refusal(do: Callable[[], object]) -> BackupError:
    with pytest.raises(BackupError) as raised:
        do()
    assert raised.value.french != str(raised.value)
    return raised.value


def test_a_backup_is_unproven_until_a_drill_proves_it(office: Office) -> None:
    assert office.target.last_proven is None
    office.do(DrillBackup(target="disk"))
    proven = office.target.last_proven
    assert proven is not None
    assert proven.is_proven
    assert {each.table: each.found for each in proven.tables}["atre.db: groups"] == 1
    assert not office.place.work_dir.exists()


def test_a_new_box_becomes_the_old_one_by_the_sheet(office: Office, tmp_path: Path) -> None:
    sheet = ask(office.verbs, ShowSheet(), RecoverySheet)
    place = Place(tmp_path / "new")
    place.state_dir.mkdir(parents=True)
    (place.state_dir / "race.json").write_text('"of this machine"', "utf-8")
    targets = targets_of(place)
    targets.add_folder(AddFolderTarget(label="disk", path=str(office.disk)))
    new = BackupVerbs(place.data_dir, targets)
    wrong = refusal(lambda: ask(new, ListSnapshots(target="disk"), SnapshotListing))
    assert wrong.problem is BackupProblem.WRONG_KEY
    ids = [path.name[:8] for path in (office.repository / "keys").iterdir()]
    assert all(each in str(wrong) for each in ids)
    key = sheet.payload.lower().removeprefix("atre ")[9:]
    listing = ask(new, ListSnapshots(target="disk", key=key), SnapshotListing)
    restore = StageRestore(
        target="disk",
        snapshot=listing.snapshots[0].id,
        unit=listing.unit,
        key=key,
    )
    started = ask(new, restore, BackupJob)
    new.jobs.wait()
    job = new.describe().job
    assert job is not None
    assert (job.id, job.state, job.message) == (started.id, JobState.DONE, "")
    new.answer(ApplyRestore())
    finish(new.place)
    with closing(sqlite3.connect(new.place.database)) as connection:
        assert connection.execute("SELECT name FROM groups").fetchall() == [("atelier",)]
    assert box_key(new.place.secrets_dir) == box_key(office.place.secrets_dir)
    assert (new.place.state_dir / "race.json").read_text("utf-8") == '"of this machine"'
    assert not (new.place.data_dir / "logs").exists()
    # The folder is still a target of the box that it became.
    (known,) = targets_of(new.place).describe().targets
    assert known.state is TargetState.READY
    new.close()


def test_keys_come_and_go_but_the_boxs_own_stays(office: Office) -> None:
    before = ask(office.verbs, ListKeys(target="disk"), KeyListing).keys
    assert sorted(each.role for each in before) == ["box", "sheet"]
    password = "douze tasses ou plus"
    refusal(lambda: office.verbs.answer(AddKey(target="disk", name="anne", password="court")))
    office.verbs.answer(AddKey(target="disk", name="anne", password=password))
    ask(office.verbs, ListSnapshots(target="disk", key=password), SnapshotListing)
    listing = ask(office.verbs, ListKeys(target="disk"), KeyListing)
    (anne,) = (each for each in listing.keys if each.name == "anne")
    office.verbs.answer(RemoveKey(target="disk", key_id=anne.id))
    wrong = refusal(
        lambda: ask(office.verbs, ListSnapshots(target="disk", key=password), SnapshotListing)
    )
    assert wrong.problem is BackupProblem.WRONG_KEY
    own = next(each for each in before if each.role == "box")
    kept = refusal(lambda: office.verbs.answer(RemoveKey(target="disk", key_id=own.id)))
    assert kept.problem is BackupProblem.KEY_UNKNOWN


def test_another_sheet_ends_the_one_before(office: Office) -> None:
    old = ask(office.verbs, ShowSheet(), RecoverySheet).key
    assert office.target.opens_with_sheet
    new = ask(office.verbs, ShowSheet(renew=True), RecoverySheet).key
    assert not office.target.opens_with_sheet
    office.do(CreateBackup(target="disk"))
    assert office.target.opens_with_sheet
    ask(office.verbs, ListSnapshots(target="disk", key=new), SnapshotListing)
    refusal(lambda: ask(office.verbs, ListSnapshots(target="disk", key=old), SnapshotListing))


def test_a_disk_that_is_empty_now_is_not_begun_anew(office: Office) -> None:
    shutil.rmtree(office.repository)
    assert refusal(lambda: office.do(CreateBackup(target="disk"))).problem is BackupProblem.EMPTY
    assert [each.name for each in office.disk.iterdir()] == [MARK]


def test_the_repository_of_another_unit_is_not_written_to(office: Office, tmp_path: Path) -> None:
    other = Office(tmp_path / "other")
    other.do(CreateBackup(target="disk"))
    place = office.repository
    shutil.rmtree(place)
    shutil.copytree(other.repository, place)
    before = sorted(path.name for path in place.rglob("*"))
    error = refusal(lambda: office.do(CreateBackup(target="disk")))
    assert error.problem is BackupProblem.WRONG_KEY
    # The same when the other unit's key happens to be known.
    shutil.copy(other.place.secrets_dir / "backup-box-key", office.place.secrets_dir)
    error = refusal(lambda: office.do(CreateBackup(target="disk")))
    assert error.problem is BackupProblem.OTHER_UNIT
    assert sorted(path.name for path in place.rglob("*")) == before
    other.verbs.close()


def test_one_job_at_a_time(office: Office) -> None:
    with office.place.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        error = refusal(lambda: office.do(VerifyBackup(target="disk")))
        assert error.problem is BackupProblem.BUSY
    office.verbs.answer(VerifyBackup(target="disk"))
    error = refusal(lambda: office.verbs.answer(CreateBackup(target="disk")))
    assert error.problem is BackupProblem.BUSY
    office.verbs.jobs.cancel()
    office.verbs.jobs.wait()
    job = office.verbs.describe().job
    assert job is not None
    assert job.state is JobState.CANCELLED


def test_a_backup_of_a_newer_version_is_refused(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "__version__", "99.0.0")
    office.do(CreateBackup(target="disk"))
    order = StageRestore(target="disk", snapshot="latest")
    assert refusal(lambda: office.do(order)).problem is BackupProblem.NEWER
    monkeypatch.setattr(restoring, "__version__", "99.0.1")
    with monkeypatch.context() as patch:
        patch.setattr("atre.backup.restore.__version__", "99.0.1")
        office.do(order)  # an older one is not


def test_what_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(tmp_path)
    sizes = {office.disk: 1000}
    free = space.free_bytes
    monkeypatch.setattr(space, "free_bytes", lambda folder: sizes.get(folder, free(folder)))
    assert refusal(lambda: office.do(CreateBackup(target="disk"))).problem is BackupProblem.FULL
    assert [each.name for each in office.disk.iterdir()] == [MARK]
    del sizes[office.disk]
    office.do(CreateBackup(target="disk"))
    # What lies there already needs no room again.
    total = contents.size_bytes(office.place, with_models=False)
    sizes[office.disk] = total + 2**20 + 60_000
    assert bytes_needed(BackupSize(total_bytes=total)) > sizes[office.disk]
    office.do(CreateBackup(target="disk"))
    (office.place.state_dir / "large").write_bytes(os.urandom(200_000))
    assert refusal(lambda: office.do(CreateBackup(target="disk"))).problem is BackupProblem.FULL
    office.verbs.close()


def test_a_clock_of_1970_makes_a_backup_and_lets_none_go(office: Office) -> None:
    unset = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    order = CreateBackup(target="disk")
    with only_job_here(office.place), scratch(office.place) as folder:
        # Of a policy that keeps one alone, so that any thinning would show.
        keeps_one = BackupPolicy(keep_hourly=0, keep_daily=0, keep_weekly=0, keep_monthly=0)
        asked = replace(office.order(order), policy=keeps_one)
        session = Session(office.place, asked, find_program(), folder, office.said.append)
        create(session, order, clock=lambda: unset)
    listing = ask(office.verbs, ListSnapshots(target="disk"), SnapshotListing)
    newest, before = listing.snapshots
    assert 0 < newest.at - before.at < 5
    assert creation.utc_now().year > 1970


def locks(repository: Path) -> list[Path]:
    """Whole ones: restic writes a lock under another name first."""
    return [each for each in (repository / "locks").iterdir() if "-tmp-" not in each.name]


def test_the_lock_of_a_restic_that_died_does_not_keep_the_next_one_out(office: Office) -> None:
    program = find_program()
    environment = os.environ | {"RESTIC_PASSWORD": box_key(office.place.secrets_dir)}
    argv = [str(program.path), "-r", str(office.repository), "--no-cache", "backup", "--stdin"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, env=environment) as held:
        while not locks(office.repository):
            assert held.poll() is None
            time.sleep(_POLL_S)
        held.send_signal(signal.SIGKILL)
        held.wait()
    assert locks(office.repository)
    office.do(CreateBackup(target="disk"))
    assert any(isinstance(each, Stored) for each in office.said)
    assert not locks(office.repository)


def test_a_running_box_takes_a_backup_and_comes_back_as_it_was(
    tmp_path: Path, running_box: "ModuleType"
) -> None:
    box: RunningBox = running_box.RunningBox(tmp_path / "box")
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        box.start()
        # On a slow machine its own drill would begin between two commands.
        write_policy(box.data_dir / "state", BackupPolicy(is_on=False))
        run(box, "targets", "add-folder", str(disk))
        run(box, "create")
        with closing(sqlite3.connect(box.data_dir / "atre.db")) as connection, connection:
            connection.execute("INSERT INTO groups VALUES ('g', 'trop', 'trop', 0)")
        process = box.process
        assert process is not None
        box.ready_file.unlink()
        run(box, "restore", "--yes")
        wait_until(box.ready_file.exists)
        assert process.poll() is None  # the same process, started anew in place
        with closing(sqlite3.connect(box.data_dir / "atre.db")) as connection:
            assert connection.execute("SELECT count(*) FROM groups").fetchone() == (0,)
        box.ready_file.unlink()
        run(box, "undo")
        # Looked at in the middle of the swap, an empty database would be made in its place.
        wait_until(box.ready_file.exists)
        assert groups(box.data_dir) == 1
        found = json.loads(run(box, "targets", "--json"))
        assert found["restore"]["phase"] == "undone"
        run(box, "confirm")
    finally:
        box.clean_up()


def groups(data_dir: Path) -> int:
    with closing(sqlite3.connect(data_dir / "atre.db")) as connection:
        count: int = connection.execute("SELECT count(*) FROM groups").fetchone()[0]
        return count


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(_POLL_S)


def run(box: "RunningBox", *arguments: str) -> str:
    done: Any = subprocess.run(
        [box.command, "backup", *arguments, "--data-dir", str(box.data_dir)],
        capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, env=box.environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + box.log()
    return str(done.stdout)
