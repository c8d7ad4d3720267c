# SPDX-License-Identifier: Apache-2.0
"""The backup jobs of one box: one at a time, each in a child process, with all it starts."""

import secrets
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from atre.backup.event import Event, decode
from atre.backup.job_record import JobRecord
from atre.backup.order import WorkOrder
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_messages import (
    CreateBackup,
    DrillBackup,
    StageRestore,
    ThinBackup,
    VerifyBackup,
)
from atre.ipc.backup_replies import BackupJob, JobKind
from atre.system.child_jobs import ChildJobs

# restic takes its lock away when it is asked to end, and a slow disk needs time for that.
_STOP_S = 20.0
_KINDS = {
    CreateBackup: JobKind.BACKUP,
    VerifyBackup: JobKind.VERIFY,
    DrillBackup: JobKind.DRILL,
    StageRestore: JobKind.RESTORE,
    ThinBackup: JobKind.THIN,
}


class BackupJobs:
    """Starts a job, follows it, ends it; ``on_end`` is called in a thread of its own."""

    def __init__(
        self,
        data_dir: Path,
        *,
        program: Sequence[str] = (sys.executable, "-m", "atre.backup.work"),
        on_end: Callable[[BackupJob], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._argv = [*program, str(data_dir)]
        self._on_end = on_end
        self._children: ChildJobs[Event, BackupJob] = ChildJobs(
            "backup-job", decode, busy=_busy, none=_none, stop_s=_STOP_S, clock=clock
        )

    def start(self, work: WorkOrder, *, then: Callable[[], None] = lambda: None) -> BackupJob:
        """Begin a job; ``then`` is called once it is over. Raises BackupError while one runs."""
        kind = _KINDS[type(work.order)]
        return self._children.start(
            self._argv,
            lambda now_s: JobRecord(secrets.token_hex(4), kind, work.target.id, now_s=now_s),
            given=msgspec.json.encode(work) + b"\n",
            gone=then,
            on_end=self._on_end,
        )

    def report(self) -> BackupJob | None:
        """The job that runs or ran last."""
        return self._children.report()

    def cancel(self) -> BackupJob:
        """End the job that runs. Raises BackupError if none does."""
        return self._children.cancel()

    def wait(self) -> None:
        """Until the job that runs has ended."""
        self._children.wait()

    def close(self) -> None:
        """End what runs; what was stored stays, and a next backup goes on from it."""
        self._children.close()


def _busy(_: BackupJob) -> BackupError:
    return BackupError(
        "A backup job runs already. Wait for it, or cancel it.",
        "Un travail de sauvegarde est déjà en cours. Attendez sa fin, ou annulez-le.",
        problem=BackupProblem.BUSY,
    )


def _none() -> BackupError:
    return BackupError(
        "No backup job runs now.",
        "Aucun travail de sauvegarde n’est en cours.",
        problem=BackupProblem.NO_JOB,
    )
