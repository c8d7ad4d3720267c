# SPDX-License-Identifier: Apache-2.0
"""What ``atred`` answers about backups; see ``atre.ipc.backup_messages``. Times: since 1970."""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta

from atre.ipc.media_messages import TargetState
from atre.ipc.message import Message
from atre.sentence import Sentence

Count = Annotated[int, Meta(ge=0, le=1000)]


class BackupPolicy(Message, frozen=True):
    """When backups run and how many stay.

    ``hour`` is the office's; ``targets`` None means every one that is present. ``upload_kib_s`` 0
    is no limit. ``drill_every_days`` 0 leaves drills to people. ``warn_after_days`` is how old the
    newest backup may be before people are told; None follows the rhythm.
    """

    is_on: bool = True
    hour: Annotated[int, Meta(ge=0, le=23)] = 2
    keep_hourly: Count = 24
    keep_daily: Count = 7
    keep_weekly: Count = 5
    keep_monthly: Count = 12
    upload_kib_s: Annotated[int, Meta(ge=0)] = 0
    with_models: bool = False
    drill_every_days: Annotated[int, Meta(ge=0, le=365)] = 7
    targets: list[str] | None = None
    warn_after_days: Annotated[int, Meta(ge=1, le=365)] | None = None


class JobKind(StrEnum):
    """What a job does."""

    BACKUP = "backup"
    VERIFY = "verify"
    DRILL = "drill"
    THIN = "thin"
    RESTORE = "restore"


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Stage(StrEnum):
    """What a job is at; each has its own ``fraction``."""

    PREPARING = "preparing"
    STORING = "storing"
    THINNING = "thinning"
    CHECKING = "checking"
    FETCHING = "fetching"
    PROVING = "proving"


class BackupJob(Message, frozen=True):
    """The job that runs, or the last one since the daemon started.

    ``fraction`` is that of the stage, None where nobody knows; so is ``left_s``. A failed job has a
    ``problem``, one of ``atre.errors.BackupProblem``, and a sentence. ``snapshot`` is set once a
    backup is stored.
    """

    id: str
    kind: JobKind
    target: str
    state: JobState
    stage: Stage = Stage.PREPARING
    fraction: float | None = None
    done_bytes: int = 0
    size_bytes: int = 0
    left_s: float | None = None
    snapshot: str = ""
    problem: str = ""
    message: str = ""
    message_fr: str = ""


class TableCount(Message, frozen=True):
    """The rows of one table: those noted at the backup and those found in the restored copy."""

    table: str
    expected: int
    found: int


class DrillReport(Message, frozen=True):
    """A drill that ended. ``problems`` is empty if it proved the backup; so is the French."""

    snapshot: str
    snapshot_at: float
    ended_at: float
    duration_s: float
    num_files: int
    size_bytes: int
    tables: list[TableCount]
    problems: list[str]
    problems_fr: list[str]

    @property
    def is_proven(self) -> bool:
        return not self.problems


class BackupTarget(Message, frozen=True):
    """A target and what is known of the box's backups there; times None never happened.

    ``last_proven`` is the newest drill that proved a backup; ``last_drill`` may have failed.
    ``is_present``: a backup can go there now, else ``reason`` says why not. ``opens_with_sheet``:
    the present recovery sheet opens it, which a new one does from the next backup on. ``problem``
    is why the last job there failed, "" if it did not.
    """

    id: str
    name: str
    location: str
    is_present: bool
    state: TargetState
    reason: Sentence | None
    is_removable: bool
    free_bytes: int | None
    last_backup_at: float | None
    last_snapshot: str
    last_checked_at: float | None
    last_proven: DrillReport | None
    last_drill: DrillReport | None
    problem: str
    message: str
    message_fr: str
    opens_with_sheet: bool = False


class SheetState(StrEnum):
    """Whether somebody could open the backups without this box."""

    NONE = "none"
    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"


class RestorePhase(StrEnum):
    """How far a restore is; an undo is a restore of what was replaced."""

    STAGED = "staged"
    ORDERED = "ordered"
    APPLIED = "applied"
    UNDO_ORDERED = "undo-ordered"
    UNDONE = "undone"


class RestoreState(Message, frozen=True):
    """A restore that nobody confirmed yet."""

    phase: RestorePhase
    snapshot: str
    snapshot_at: float
    unit: str
    at: float
    kept_bytes: int


class WantedModel(Message, frozen=True):
    """A model of the backup that is not on this box; ``is_fetchable`` False must be imported."""

    name: str
    sha256: str
    size_bytes: int
    is_fetchable: bool


class BackupOverview(Message, frozen=True):
    """Backups at one moment; ``program`` is restic's version, or "" and the problem why not.

    ``ahead_until`` is the newest backup's date where that is in the future: the clock jumped, and
    until then nothing is backed up or let go by itself.
    """

    unit: str
    program: str
    program_problem: str
    program_problem_fr: str
    policy: BackupPolicy
    targets: list[BackupTarget]
    sheet: SheetState
    job: BackupJob | None
    restore: RestoreState | None
    wanted_models: list[WantedModel]
    next_at: float | None
    ahead_until: float | None = None


class Snapshot(Message, frozen=True):
    """One backup at a target."""

    id: str
    at: float
    unit: str
    version: str
    reason: str
    size_bytes: int
    added_bytes: int


class SnapshotListing(Message, frozen=True):
    """The backups of one unit at a target, newest first, and the units that have any there."""

    unit: str
    snapshots: list[Snapshot]
    units: list[str]


class RestorePreview(Message, frozen=True):
    """What a snapshot brings. ``refusal`` is why it cannot be restored here, "" if it can."""

    snapshot: str
    at: float
    unit: str
    version: str
    architecture: str
    num_people: int
    num_conversations: int
    num_messages: int
    size_bytes: int
    models: list[WantedModel]
    refusal: str
    refusal_fr: str


class RecoverySheet(Message, frozen=True):
    """What is printed: the key in groups, and ``payload`` for the QR code.

    ``disk_key`` opens the box's own data on another machine, "" where it is not encrypted.
    """

    unit: str
    key: str
    payload: str
    made_at: float
    is_confirmed: bool
    disk_key: str = ""


class RepositoryKey(Message, frozen=True):
    """One key slot. ``role`` box, sheet or manager; ``name`` is a manager's."""

    id: str
    role: Literal["box", "sheet", "manager", "unknown"]
    name: str
    made_at: str
    is_current: bool


class KeyListing(Message, frozen=True):
    """The key slots of the box's repository at a target."""

    target: str
    keys: list[RepositoryKey]
