# SPDX-License-Identifier: Apache-2.0
"""A box on one disk and its backups on another, and what must be true of both after a power cut."""

import datetime as dt
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.faults import office
from tests.faults.cheap_key import make_cheap
from tests.faults.clock import Clock
from tests.faults.disk import Disk
from tests.faults.job import Job
from tests.faults.kept import wrongly_gone

from atre.backup.compare import file_problems
from atre.backup.drill import restored_manifest
from atre.backup.keys import box_key
from atre.backup.order import WorkOrder
from atre.backup.place import Place
from atre.backup.program import find_program
from atre.backup.repository import Repository, location_of
from atre.backup.start_database import start_database
from atre.backup.swap import finish
from atre.discovery.host_name import load_box_id
from atre.ipc.backup_messages import BackupOrder, CreateBackup, VerifyBackup
from atre.ipc.backup_replies import BackupPolicy, Stage
from atre.media.open_target import OpenTarget

POLICY = BackupPolicy(keep_hourly=3, keep_daily=2, keep_weekly=0, keep_monthly=0)
_HOME_BYTES = 2**30
_STEP_S = 35 * 60


class LostBackupError(AssertionError):
    """A backup that was confirmed is not there, or comes back otherwise."""


@dataclass(frozen=True)
class Confirmed:
    """What a backup must bring back."""

    digest: str
    version: int


class World:
    """Time goes on by half an hour with every job, so that the retention has something to do."""

    def __init__(self, folder: Path, *, has_journal: bool = True) -> None:
        self._folder = folder
        self.home = Disk(folder, "home", size_bytes=_HOME_BYTES)
        self.stick = Disk(folder, "stick", has_journal=has_journal)
        self._stack = ExitStack()
        self.clock = Clock(folder)
        self._version = 0
        self.confirmed: dict[str, Confirmed] = {}  # while the retention keeps it
        self.durations_s: dict[Stage, float] = {}
        self.start_s = 0.1

    def __enter__(self) -> Self:
        with self._stack:
            self._stack.enter_context(self.home)
            self._stack.enter_context(self.stick)
            office.found_box(self.data_dir)
            self.make_repository()
            self.home.flush()
            self.stick.flush()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def data_dir(self) -> Path:
        return self.home.path / "data"

    @property
    def place(self) -> Place:
        return Place(self.data_dir)

    @property
    def target(self) -> OpenTarget:
        return OpenTarget(id="stick", name="Clé", location=str(self.stick.path), is_removable=True)

    @property
    def unit(self) -> str:
        return load_box_id(self.place.state_dir)

    @property
    def repository(self) -> Repository:
        return Repository(find_program(), self.target, self.unit, box_key(self.place.secrets_dir))

    @property
    def version(self) -> int:
        """The version of the box's data. Raises AssertionError if they are mixed."""
        found = office.versions(self.data_dir)
        if len(found) != 1:
            raise AssertionError(f"the box's data are of several versions: {found}")
        return found.pop()

    def change(self, chance: random.Random) -> None:
        """The office works: another version of everything, all of it on the disk."""
        self._version += 1
        office.write_version(self.data_dir, self._version, chance)
        self.home.flush()

    def start(self, order: BackupOrder, policy: BackupPolicy = POLICY) -> Job:
        """Begin a job, half an hour after the last one."""
        self.clock.ahead_s += _STEP_S
        work = WorkOrder(order=order, target=self.target, policy=policy)
        return Job(self.data_dir, work, self.clock.environment())

    def run(self, order: BackupOrder) -> Job:
        """A job that nothing disturbs; it must do what it was asked for."""
        job = self.start(order).finish()
        if not job.has_ended_well:
            raise AssertionError(f"{type(order).__name__} undisturbed: {job.refusal}")
        return job

    def back_up(self) -> None:
        """A backup that nothing disturbs, confirmed."""
        holds = self.contents()
        job = self.run(CreateBackup(target=self.target.id))
        self.confirm(job, holds)
        self.durations_s = job.durations_s()

    def contents(self) -> Confirmed:
        """What a backup made now must bring back."""
        return Confirmed(office.digest(self.data_dir), self.version)

    def confirm(self, job: Job, holds: Confirmed) -> None:
        """Hold the box to what it said is stored."""
        self.confirmed |= dict.fromkeys(job.stored, holds)

    def snapshots(self) -> dict[str, dt.datetime]:
        return {each.id: each.time for each in self.repository.snapshots(self.unit)}

    def cut(self, kill: Callable[[], None], chance: random.Random) -> None:
        """No more power: processes and disks stop, in any order within a moment, and come back."""
        stops = [kill, self.home.stop, self.stick.stop]
        chance.shuffle(stops)
        for stop in stops:
            stop()
        for disk in (self.home, self.stick):
            disk.take_away()
            disk.plug_in()

    def check(self, before: dict[str, dt.datetime], versions: set[int]) -> None:
        """After a cut: the box opens, its next backup works, and none that it confirmed is lost.

        ``versions`` are those that the box's data may be of. Raises AssertionError.
        """
        finish(self.place)
        if self.version not in versions:
            raise AssertionError(f"the box's data are of version {self.version}, not {versions}")
        found = self.snapshots()
        lost = wrongly_gone(before, found, POLICY)
        lost |= {each for each in self.confirmed if each not in before and each not in found}
        self.back_up()
        self.run(VerifyBackup(target=self.target.id, is_whole=True))
        after = self.snapshots()
        lost |= wrongly_gone(found, after, POLICY)
        if lost:
            raise LostBackupError(f"{len(lost)} confirmed backups are lost: {sorted(lost)}")
        self.confirmed = {each: self.confirmed[each] for each in self.confirmed if each in after}
        self.prove()

    def prove(self) -> None:
        """Bring back every backup that was confirmed. Raises LostBackupError."""
        for snapshot, holds in self.confirmed.items():
            self._prove(snapshot, holds.digest)

    def num_locks(self) -> int:
        """How many locks restic left in the repository."""
        folder = Path(location_of(self.target, self.unit)) / "locks"
        return sum(1 for _ in folder.iterdir())

    def _prove(self, snapshot: str, digest: str) -> None:
        folder = self._folder / "restored"
        folder.mkdir()
        try:
            self.repository.restore(snapshot, folder, lambda *_: None)
            problems = file_problems(folder, restored_manifest(folder))
            if problems or office.digest(folder) != digest:
                raise LostBackupError(f"{snapshot} does not come back as it was: {problems}")
        finally:
            shutil.rmtree(folder)

    def back_up_unseen(self) -> None:
        """A backup of data that change meanwhile; what it holds is for the caller to look at."""
        self.run(CreateBackup(target=self.target.id))

    def fetched(self, snapshot: str) -> Path:
        """A snapshot's files, in a folder that is new for each."""
        folder = self._folder / f"fetched-{snapshot}"
        folder.mkdir()
        self.repository.restore(snapshot, folder, lambda *_: None)
        return folder

    @contextmanager
    def holding_lock_elsewhere(self, host: str) -> Iterator[None]:
        """A restic of another machine works on the repository, and its power goes at the end."""
        script = "hostname $1; shift; exec $@"
        command = ["unshare", "--uts", "sh", "-c", script, "sh", host, str(find_program().path)]
        command += ["-r", location_of(self.target, self.unit), "--no-cache", "--limit-upload", "1"]
        environment = os.environ | {"RESTIC_PASSWORD": box_key(self.place.secrets_dir)}
        with subprocess.Popen(
            [*command, "backup", "--stdin"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            env=environment,
        ) as process:  # fmt: skip
            try:
                while process.poll() is None and not self.num_locks():
                    time.sleep(0.05)
                yield
            finally:
                process.kill()

    def make_repository(self) -> None:
        """Have restic make the box's repository, with a key that opens at once."""
        self.repository.create()
        make_cheap(Path(location_of(self.target, self.unit)), box_key(self.place.secrets_dir))


def starts(data_dir: Path) -> None:
    """Raises AssertionError unless the accounts start from the data, on a copy."""
    copy = data_dir.with_name("try.db")
    shutil.copyfile(data_dir / "atre.db", copy)
    start_database(copy)
    copy.unlink()
