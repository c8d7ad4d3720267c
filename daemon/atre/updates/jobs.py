# SPDX-License-Identifier: Apache-2.0
"""The one job of updates that runs: looking, or an install up to the restart of the machine."""

import logging
import secrets
import threading
import time
from collections.abc import Callable

from msgspec.structs import replace

from atre.errors import AtreError, UpdateError, UpdateProblem
from atre.ipc.backup_replies import JobState
from atre.ipc.update_replies import UpdateJob, UpdateStage
from atre.sentence import Sentence
from atre.updates.fetch import CancelledError
from atre.updates.release_rule import NBSP

_log = logging.getLogger(__name__)

_UNCANCELLED = {UpdateStage.WRITING, UpdateStage.RESTARTING}


class Progress:
    """What a job tells of itself, and hears: cancelled, or told not to wait any longer."""

    def __init__(self, *, is_install: bool) -> None:
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._hurried = threading.Event()
        self._job = UpdateJob(
            id=secrets.token_hex(4),
            is_install=is_install,
            state=JobState.RUNNING,
            stage=UpdateStage.LOOKING,
        )

    @property
    def job(self) -> UpdateJob:
        return self._job

    def stage(
        self, stage: UpdateStage, *, version: str = "", restart_at: float | None = None
    ) -> None:
        """A new stage begins. Raises CancelledError if somebody ended the job."""
        with self._lock:
            if self._cancelled.is_set():
                raise CancelledError
            self._job = replace(
                self._job,
                stage=stage,
                version=version or self._job.version,
                fraction=None,
                done_bytes=0,
                size_bytes=0,
                restart_at=restart_at,
            )

    def bytes(self, done: int, size: int) -> None:
        """Raises CancelledError likewise."""
        with self._lock:
            if self._cancelled.is_set():
                raise CancelledError
            fraction = min(1.0, done / size) if size else None
            self._job = replace(self._job, fraction=fraction, done_bytes=done, size_bytes=size)

    def fraction(self, fraction: float) -> None:
        """How far the stage is, told more and more."""
        with self._lock:
            known = self._job.fraction or 0.0
            self._job = replace(self._job, fraction=max(known, min(1.0, fraction)))

    def end(self, state: JobState, error: AtreError | None = None) -> None:
        problem = error.problem if isinstance(error, UpdateError) else UpdateProblem.OTHER
        with self._lock:
            self._job = replace(
                self._job,
                state=state,
                problem=problem if error else "",
                message=error.sentence if error else None,
            )

    def cancel(self) -> None:
        """Raises UpdateError while a slot is written, or the machine starts anew."""
        with self._lock:
            if self._job.stage in _UNCANCELLED:
                raise UpdateError(
                    "The update is being written: wait until it is done. The running system is "
                    "not touched.",
                    f"La mise à jour est en cours d’écriture{NBSP}: attendez la fin. Le système "
                    "actuel n’est pas touché.",
                    problem=UpdateProblem.WRITING,
                )
            self._cancelled.set()
            self._hurried.set()

    def hurry(self) -> None:
        """Wait for the hour no longer."""
        self._hurried.set()

    def wait_until(self, at: float, clock: Callable[[], float] = time.time) -> None:
        """Until then, or told not to. The clock may be set meanwhile: looked at each minute."""
        while clock() < at and not self._hurried.wait(min(60.0, max(0.0, at - clock()))):
            pass
        if self._cancelled.is_set():
            raise CancelledError


Work = Callable[[Progress], None]


class UpdateJobs:
    """Runs one job at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._thread: threading.Thread | None = None

    def report(self) -> UpdateJob | None:
        """The job that runs, or the last one."""
        return self._progress.job if self._progress else None

    @property
    def is_running(self) -> bool:
        job = self.report()
        return job is not None and job.state is JobState.RUNNING

    def start(self, work: Work, *, is_install: bool) -> UpdateJob:
        """Begin. Raises UpdateError while one runs."""
        with self._lock:
            if self.is_running:
                raise UpdateError(
                    "A job of updates runs already. Wait for it, or cancel it.",
                    "Un travail de mise à jour est déjà en cours. Attendez sa fin, ou annulez-le.",
                    problem=UpdateProblem.BUSY,
                )
            self._join()
            progress = self._progress = Progress(is_install=is_install)
            self._thread = threading.Thread(
                target=_run, args=(work, progress), name="update-job", daemon=True
            )
            self._thread.start()
            return progress.job

    def cancel(self) -> None:
        """Raises UpdateError if none runs, or it is too late."""
        self._running().cancel()

    def hurry(self) -> None:
        """Restart now. Raises UpdateError if nothing waits for that."""
        progress = self._running()
        if progress.job.stage is not UpdateStage.WAITING:
            raise _none()
        progress.hurry()

    def wait(self) -> None:
        """Until the job that runs has ended."""
        self._join()

    def close(self) -> None:
        """End what can be ended; what RAUC writes it writes to its end, in its own process."""
        if self._progress is not None and self.is_running:
            try:
                self._progress.cancel()
            except UpdateError:
                return
            self._join()

    def _running(self) -> Progress:
        if self._progress is None or not self.is_running:
            raise _none()
        return self._progress

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()


def _run(work: Work, progress: Progress) -> None:
    try:
        work(progress)
    except CancelledError:
        progress.end(JobState.CANCELLED)
    except AtreError as error:
        progress.end(JobState.FAILED, error)
    except Exception:  # noqa: BLE001 -- a surprise must end the job, not hang the panel
        _log.exception("an update failed")
        said = Sentence(
            "The update failed; the box's log says why. The running system stays.",
            f"La mise à jour a échoué{NBSP}; le journal du boîtier dit pourquoi. Le système actuel "
            "reste.",
        )
        progress.end(JobState.FAILED, UpdateError(said.text, said.text_fr))
    else:
        progress.end(JobState.DONE)


def _none() -> UpdateError:
    return UpdateError(
        "No job of updates runs, or none that waits for this.",
        "Aucun travail de mise à jour n’est en cours, ou aucun n’attend cela.",
        problem=UpdateProblem.NO_JOB,
    )
