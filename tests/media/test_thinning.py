# SPDX-License-Identifier: Apache-2.0
"""A folder without a free byte: old backups are let go, and the proven one stays."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from io import FileIO
from pathlib import Path
from typing import NoReturn

import pytest
from tests.media.office import Office

from atre.backup.record import note, read_record
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_messages import CreateBackup, ListSnapshots, SetBackupPolicy, ThinBackup
from atre.ipc.backup_replies import BackupOverview, BackupPolicy, DrillReport, SnapshotListing
from atre.ipc.media_messages import AddFolderTarget, TargetState
from atre.media.no_disks import NoDisks
from atre_web.accounts.database import connect

NEWEST_ONLY = BackupPolicy(keep_hourly=0, keep_daily=0, keep_weekly=0, keep_monthly=0)


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting needs root on Linux")
    place = tmp_path / "share"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def fill(place: Path) -> None:
    """Until not a byte is left."""
    with (place / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
        _write_on(file)


def _write_on(file: FileIO) -> NoReturn:
    while True:
        file.write(bytes(2**20))


def test_a_full_target_is_freed_and_the_proven_backup_stays(
    share: Path, make_office: Callable[..., Office], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = make_office(tmp_path / "data", NoDisks())
    with closing(office.verbs):
        office.fill()
        office.targets.add_folder(AddFolderTarget(path=str(share), label="nas", mounted=True))
        made = []
        # By the usual rule one of an hour would stay.
        monkeypatch.setattr("atre.backup.creation.thin", lambda *_: None)
        for number in range(3):
            with closing(connect(office.place.database)) as connection:
                noise = random.Random(number).randbytes(2**20).hex()
                connection.execute("UPDATE groups SET name = ?", (noise,))
            office.do(CreateBackup(target="nas"))
            made.append(office.target.last_snapshot)
        report = DrillReport(
            snapshot=made[0], snapshot_at=1.0, ended_at=2.0, duration_s=1.0, num_files=1,
            size_bytes=1, tables=[], problems=[], problems_fr=[],
        )  # fmt: skip
        note(office.place.state_dir, office.target.id, last_proven=report)
        fill(share)
        assert os.statvfs(share).f_bavail == 0
        assert office.target.state is TargetState.FULL
        office.ask(SetBackupPolicy(policy=NEWEST_ONLY), BackupOverview)
        with pytest.raises(BackupError) as refused:
            office.verbs.answer(CreateBackup(target="nas"))
        assert refused.value.problem is BackupProblem.TARGET_AWAY

        office.verbs.answer(ThinBackup(target="nas"))
        office.verbs.jobs.wait()
        assert (office.job.state, office.job.message) == ("done", "")
        listing = office.ask(ListSnapshots(target="nas"), SnapshotListing)
        assert {each.id for each in listing.snapshots} == {made[0], made[2]}
        status = os.statvfs(share)
        # The backup of 1 MiB that went, and what was held back for this.
        assert status.f_bavail * status.f_frsize > 8 * 2**20 + 0.9 * 2**20
        assert read_record(office.place.state_dir).targets[office.target.id].problem == ""
