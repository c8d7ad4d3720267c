# SPDX-License-Identifier: Apache-2.0
"""A backup to a disk that the real UDisks2 mounts, and what is said once it was pulled out."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.media.seen_from_here import SeenFromHere

from atre.errors import BackupProblem, MediaError
from atre.ipc.backup_messages import CreateBackup, ListSnapshots, SetBackupPolicy
from atre.ipc.backup_replies import (
    BackupOverview,
    BackupPolicy,
    JobState,
    SnapshotListing,
    Stage,
)
from atre.ipc.media_messages import AddDiskTarget, DiskReport, TargetState
from atre.media.udisks import UDisks

if TYPE_CHECKING:
    from tests.media.office import Office
    from tests.media.real_udisks import RealUDisks

Eventually = Callable[[Callable[[], bool]], None]


@pytest.fixture
def office(
    real_udisks: "RealUDisks", make_office: Callable[..., "Office"], tmp_path: Path
) -> Iterator["Office"]:
    with closing(UDisks(tmp_path, bus_address=real_udisks.bus_address)) as udisks:
        made = make_office(tmp_path / "data", SeenFromHere(udisks, real_udisks.root))
        with closing(made.verbs):
            yield made


def test_a_disk_is_in_use_then_free_and_one_that_was_pulled_says_so(
    real_udisks: "RealUDisks", office: "Office", eventually: Eventually
) -> None:
    image = real_udisks.image("256M")
    subprocess.run(["mkfs.ext4", "-q", "-L", "MARDI", str(image)], check=True)
    device = real_udisks.plug_in(image)
    office.fill()

    def offered() -> list[DiskReport]:
        return [each for each in office.targets.describe().disks if each.label == "MARDI"]

    def state() -> TargetState:
        (report,) = office.targets.describe().targets
        return report.state

    eventually(lambda: bool(offered()))
    office.targets.add_disk(AddDiskTarget(disk=offered()[0].id, label="disk"))
    target_id = office.target.id
    office.verbs.answer(CreateBackup(target="disk"))
    assert state() is TargetState.IN_USE
    with pytest.raises(MediaError, match="written to"):
        office.targets.release(target_id)
    office.verbs.jobs.wait()
    assert (office.job.state, office.job.message) == (JobState.DONE, "")
    assert state() is TargetState.READY
    assert device not in real_udisks.mountinfo()
    kept = office.target.last_snapshot

    (office.place.state_dir / "large").write_bytes(os.urandom(2 * 2**20))
    office.ask(SetBackupPolicy(policy=BackupPolicy(upload_kib_s=512)), BackupOverview)
    office.verbs.answer(CreateBackup(target="disk"))
    eventually(lambda: office.job.stage is Stage.STORING and office.job.done_bytes > 0)
    real_udisks.tear_out(device)
    eventually(lambda: state() is TargetState.PULLED)
    office.verbs.jobs.wait()
    assert (office.job.state, office.job.problem) == (JobState.FAILED, BackupProblem.TARGET_AWAY)
    assert (office.target.problem, office.target.last_snapshot) == (office.job.problem, kept)
    assert state() is TargetState.PULLED

    real_udisks.plug_in(image)
    eventually(lambda: state() is TargetState.READY)
    office.do(CreateBackup(target="disk"))
    listing = office.ask(ListSnapshots(target="disk"), SnapshotListing)
    assert kept in [each.id for each in listing.snapshots]
    assert len(listing.snapshots) == 2
