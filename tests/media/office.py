# SPDX-License-Identifier: Apache-2.0
"""A box's data without the box, and its backups, for tests on real targets."""

from contextlib import closing
from pathlib import Path
from typing import TypeVar

from atre.atred.backup_verbs import BackupVerbs
from atre.backup.order import WorkOrder
from atre.backup.place import Place
from atre.backup.work import work
from atre.ipc.backup_messages import BackupOrder, BackupRequest
from atre.ipc.backup_replies import BackupJob, BackupPolicy, BackupTarget
from atre.ipc.message import Message
from atre.media.targets import Disks, MediaTargets
from atre_web.accounts.database import connect
from atre_web.accounts.migrations import migrate

Reply = TypeVar("Reply", bound=Message)


class Office:
    """Its only target is added by the test."""

    def __init__(self, data_dir: Path, disks: Disks) -> None:
        self.place = Place(data_dir)
        self.place.state_dir.mkdir(parents=True)
        self.targets = MediaTargets(self.place.state_dir, data_dir, disks)
        self.verbs = BackupVerbs(data_dir, self.targets)

    @property
    def job(self) -> BackupJob:
        job = self.verbs.describe().job
        assert job is not None
        return job

    @property
    def target(self) -> BackupTarget:
        (target,) = self.verbs.describe().targets
        return target

    def fill(self) -> None:
        with closing(connect(self.place.database)) as connection:
            migrate(connection)
            connection.execute("INSERT INTO groups VALUES ('g', 'atelier', 'atelier', 0)")

    def ask(self, request: BackupRequest, kind: type[Reply]) -> Reply:
        reply = self.verbs.answer(request)
        assert isinstance(reply, kind)
        return reply

    def do(self, order: BackupOrder) -> None:
        """As the process of a job does, here."""
        (target_id,) = self.verbs.ready()
        with self.targets.hold(target_id) as target:
            policy = BackupPolicy()
            work(self.place, WorkOrder(order=order, target=target, policy=policy), lambda _: None)
