# SPDX-License-Identifier: Apache-2.0
"""One job from its start to its end, without any process in it."""

from atre.backup.event import Ended, Event, Moved, Reached, Refused, Stored
from atre.errors import BackupProblem
from atre.ipc.backup_replies import BackupJob, JobKind, JobState, Stage

_LOST = "The job ended before it was done; the box's log says why. Start it again."
_LOST_FR = (
    "Le travail s’est arrêté avant la fin\u00a0; le journal du boîtier dit pourquoi. Relancez-le."
)


class JobRecord:
    """What is known of a job; times are of any clock that never goes back, in seconds."""

    def __init__(self, job_id: str, kind: JobKind, target: str, *, now_s: float) -> None:
        self._id = job_id
        self._kind = kind
        self._target = target
        self._state = JobState.RUNNING
        self._stage = Stage.PREPARING
        self._stage_since_s = now_s
        self._moved: Moved | None = None
        self._snapshot = ""
        self._refused: Refused | None = None

    @property
    def is_running(self) -> bool:
        return self._state is JobState.RUNNING

    def hear(self, event: Event, now_s: float) -> None:
        """Note what the job's process says; nothing counts once the job has ended."""
        if not self.is_running:
            return
        match event:
            case Reached():
                self._stage, self._stage_since_s, self._moved = event.stage, now_s, None
            case Moved():
                self._moved = event
            case Stored():
                self._snapshot = event.snapshot
            case Ended():
                self._state = JobState.DONE
            case Refused():
                self._state, self._refused = JobState.FAILED, event

    def cancel(self) -> None:
        if self.is_running:
            self._state = JobState.CANCELLED

    def lose(self) -> None:
        """The process ended; if it did not say how, it failed."""
        if self.is_running:
            self._state = JobState.FAILED
            self._refused = Refused(problem=BackupProblem.JOB_LOST, message=_LOST, french=_LOST_FR)

    def report(self, now_s: float) -> BackupJob:
        """What people may see of it now."""
        moved = self._moved if self.is_running else None
        refused = self._refused
        return BackupJob(
            id=self._id,
            kind=self._kind,
            target=self._target,
            state=self._state,
            stage=self._stage,
            fraction=moved.fraction if moved else None,
            done_bytes=moved.done_bytes if moved else 0,
            size_bytes=moved.size_bytes if moved else 0,
            left_s=_left_s(moved, now_s - self._stage_since_s) if moved else None,
            snapshot=self._snapshot,
            problem=refused.problem if refused else "",
            message=refused.message if refused else "",
            message_fr=refused.french if refused else "",
        )


def _left_s(moved: Moved, since_s: float) -> float | None:
    """What restic says is left, else at the pace of this stage so far."""
    if moved.left_s is not None:
        return moved.left_s
    if not moved.fraction or since_s <= 0:
        return None
    return since_s * (1 - moved.fraction) / moved.fraction
