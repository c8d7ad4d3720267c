# SPDX-License-Identifier: Apache-2.0
"""The backup jobs of one box: one at a time, each in a child process, with all it starts."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from atre.backup.event import decode
from atre.backup.job_record import JobRecord
from atre.backup.order import WorkOrder
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_messages import CreateBackup, DrillBackup, StageRestore, VerifyBackup
from atre.ipc.backup_replies import BackupJob, JobKind

# restic takes its lock away when it is asked to end, and a slow disk needs time for that.
_STOP_S = 20.0
_KINDS = {
    CreateBackup: JobKind.BACKUP,
    VerifyBackup: JobKind.VERIFY,
    DrillBackup: JobKind.DRILL,
    StageRestore: JobKind.RESTORE,
}
_BUSY = (
    "A backup job runs already. Wait for it, or cancel it.",
    "Un travail de sauvegarde est déjà en cours. Attendez sa fin, ou annulez-le.",
)


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
        self._data_dir = data_dir
        self._program = program
        self._on_end = on_end
        self._clock = clock
        self._starting = threading.Lock()
        self._lock = threading.Lock()
        self._record: JobRecord | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None

    def start(self, work: WorkOrder, *, then: Callable[[], None] = lambda: None) -> BackupJob:
        """Begin a job; ``then`` is called once it is over. Raises BackupError while one runs."""
        with self._starting:
            with self._lock:
                if self._record is not None and self._record.is_running:
                    raise BackupError(*_BUSY, problem=BackupProblem.BUSY)
            self._join()  # a job that was cancelled holds its folder until its process is gone
            kind = _KINDS[type(work.order)]
            record = JobRecord(secrets.token_hex(4), kind, work.target.id, now_s=self._clock())
            process = subprocess.Popen(
                [*self._program, str(self._data_dir)],
                stdin=subprocess.PIPE,  # the order, then its lifeline
                stdout=subprocess.PIPE,
                start_new_session=True,  # so that restic can be ended with it
            )
            if process.stdin:
                with contextlib.suppress(OSError):
                    process.stdin.write(msgspec.json.encode(work) + b"\n")
                    process.stdin.flush()
            with self._lock:
                self._record, self._process = record, process
            self._listener = threading.Thread(
                target=self._listen, args=(process, record, then), name="backup-job"
            )
            self._listener.start()
            return self._report(record)

    def report(self) -> BackupJob | None:
        """The job that runs or ran last."""
        return self._report(self._record) if self._record else None

    def cancel(self) -> BackupJob:
        """End the job that runs. Raises BackupError if none does."""
        with self._lock:
            record, process = self._record, self._process
            if record is None or process is None or not record.is_running:
                raise BackupError(
                    "No backup job runs now.",
                    "Aucun travail de sauvegarde n’est en cours.",
                    problem=BackupProblem.NO_JOB,
                )
            record.cancel()
            process.terminate()
            return record.report(self._clock())

    def wait(self) -> None:
        """Until the job that runs has ended."""
        with self._starting:
            self._join()

    def close(self) -> None:
        """End what runs; what was stored stays, and a next backup goes on from it."""
        with self._lock:
            process = self._process
            if process is not None and process.poll() is None:
                process.terminate()
        self.wait()

    def _report(self, record: JobRecord) -> BackupJob:
        with self._lock:
            return record.report(self._clock())

    def _join(self) -> None:
        if self._listener is not None:
            self._listener.join()
            self._listener = None

    def _listen(
        self, process: "subprocess.Popen[bytes]", record: JobRecord, then: Callable[[], None]
    ) -> None:
        with process:
            for line in process.stdout or ():
                event = decode(line)
                if event is not None:
                    with self._lock:
                        record.hear(event, self._clock())
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
            # A restic that outlived its parent, which nobody gave time to end it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        with self._lock:
            record.lose()
            report = record.report(self._clock())
        then()
        self._on_end(report)
