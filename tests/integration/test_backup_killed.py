# SPDX-License-Identifier: Apache-2.0
"""SIGKILL in the middle of a backup: of its process, and of the daemon that started it."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from atre.backup.place import Place
from atre.errors import BackupProblem, EngineUnavailableError
from atre.ipc.backup_client import BackupClient
from atre.ipc.backup_messages import CreateBackup, SetBackupPolicy
from atre.ipc.backup_replies import BackupJob, BackupPolicy, JobState, Stage
from atre.ipc.media_client import MediaClient
from atre.ipc.media_messages import AddFolderTarget
from atre.space.reserve import held_bytes

if TYPE_CHECKING:
    from types import ModuleType

    from tests.integration.running_box import RunningBox

_TIMEOUT_S = 60.0
_POLL_S = 0.02


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(_POLL_S)


def job_of(client: BackupClient) -> BackupJob | None:
    """The job that a daemon knows; one that starts is waited for."""
    deadline_s = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            return client.describe().job
        except EngineUnavailableError:
            assert time.monotonic() < deadline_s
            time.sleep(_POLL_S)


def begun(client: BackupClient, repository: Path) -> None:
    """A backup that stores, with its lock, and will for a minute."""
    client.answer(CreateBackup(target="disk"))

    def stores() -> bool:
        job = job_of(client)
        assert job is not None
        assert job.state is JobState.RUNNING, job.message
        return job.stage is Stage.STORING and any(repository.glob("atre-*/locks/*"))

    wait_until(stores)


def test_a_backup_that_is_killed_costs_no_more_than_itself(
    tmp_path: Path, running_box: "ModuleType"
) -> None:
    box: RunningBox = running_box.RunningBox(tmp_path / "box")
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        box.start()
        assert held_bytes(box.data_dir) > 0  # before anybody asked for anything
        _kill_twice(box, disk)
    finally:
        box.clean_up()


def _kill_twice(box: "RunningBox", disk: Path) -> None:
    socket = box.runtime_dir / "atred.sock"
    client, place = BackupClient(socket), Place(box.data_dir)
    MediaClient(socket).answer(AddFolderTarget(label="disk", path=str(disk)))
    (place.state_dir / "large").write_bytes(os.urandom(2**20))
    client.answer(SetBackupPolicy(policy=BackupPolicy(upload_kib_s=16)))

    begun(client, disk)
    (process,) = [each for each in box.children() if "atre.backup.work" in each.cmdline()]
    family = [process, *process.children(recursive=True)]
    assert any(each.name() == "restic" for each in family)
    process.kill()
    wait_until(lambda: not any(map(psutil.Process.is_running, family)))
    lost = job_of(client)
    assert lost is not None
    assert (lost.state, lost.problem) == (JobState.FAILED, BackupProblem.JOB_LOST)

    begun(client, disk)
    daemon = box.child("atre.atred.management")
    family = daemon.children(recursive=True)
    assert any(each.name() == "restic" for each in family)
    daemon.kill()
    wait_until(lambda: not any(map(psutil.Process.is_running, family)))
    assert job_of(client) is None

    client.answer(SetBackupPolicy(policy=BackupPolicy()))
    client.answer(CreateBackup(target="disk"))
    wait_until(lambda: (job := job_of(client)) is not None and job.state is not JobState.RUNNING)
    done = job_of(client)
    assert done is not None
    assert (done.state, done.message) == (JobState.DONE, "")
    assert not any(disk.glob("atre-*/locks/*"))
    assert not place.work_dir.exists()
