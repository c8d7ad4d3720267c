# SPDX-License-Identifier: Apache-2.0
"""What ``atred`` answers about updates; see ``atre.ipc.update_messages``. Times: since 1970."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from atre.ipc.backup_replies import JobState
from atre.ipc.message import Message
from atre.sentence import Sentence


class UpdatePolicy(Message, frozen=True):
    """What the office allows. As it comes nothing leaves the office: ``asks_channel`` is off.

    ``asks_channel`` looks at the channel once a day; ``installs_itself`` also installs what it
    found, at ``hour`` of the office's clock. ``backup_target`` is where the backup before an update
    goes: None means the first target that is present.
    """

    asks_channel: bool = False
    installs_itself: bool = False
    hour: Annotated[int, Meta(ge=0, le=23)] = 3
    backup_target: Annotated[str, Meta(max_length=100)] | None = None


class SlotState(StrEnum):
    """What the box thinks of a slot."""

    CONFIRMED = "confirmed"
    ON_TRIAL = "on-trial"
    READY = "ready"  # written, and waits for its first start
    FAILED = "failed"
    EMPTY = "empty"


class SlotReport(Message, frozen=True):
    """One of the two systems on the disk; ``name`` a or b, ``version`` "" where nobody knows."""

    name: Annotated[str, Meta(pattern="^[ab]$")]
    version: str
    state: SlotState
    is_running: bool
    is_next: bool
    installed_at: float | None = None
    confirmed_at: float | None = None


class Release(Message, frozen=True):
    """A version that could be installed; ``changes`` are the points of what is new."""

    version: str
    channel: str
    made_at: float | None
    size_bytes: int
    changes: list[Sentence]
    is_security: bool = False


class Offer(Message, frozen=True):
    """What the last look found.

    ``source`` and ``location`` are as in ``UpdateSource``. ``refusal`` is why the release cannot be
    installed here, None if it can; ``problem`` is the same for programs, ``UpdateProblem``.
    ``release`` None: there is nothing newer, and ``refusal`` is None then too.
    """

    source: str
    location: str
    found_at: float
    release: Release | None
    refusal: Sentence | None = None
    problem: str = ""


class UpdateStage(StrEnum):
    """What a job is at."""

    LOOKING = "looking"
    FETCHING = "fetching"
    CHECKING = "checking"
    BACKING_UP = "backing-up"
    WRITING = "writing"  # from here to its end it cannot be cancelled
    WAITING = "waiting"  # for the hour
    DRAINING = "draining"  # answers that run are finished
    RESTARTING = "restarting"


class UpdateJob(Message, frozen=True):
    """The job that runs, or the last one since the daemon started.

    ``fraction`` is the stage's, None where nobody knows. A failed one has a ``problem``, one of
    ``atre.errors.UpdateProblem``, and a sentence. ``is_install`` False only looked.
    """

    id: str
    is_install: bool
    state: JobState
    stage: UpdateStage
    version: str = ""
    fraction: float | None = None
    done_bytes: int = 0
    size_bytes: int = 0
    restart_at: float | None = None
    problem: str = ""
    message: Sentence | None = None


class Check(StrEnum):
    """What a version on trial must show before it is kept, in the order in which it is asked."""

    DATA = "data"
    SERVICES = "services"
    PANEL = "panel"
    TOKEN = "token"  # noqa: S105 -- of a language model
    NAME = "name"


class TrialReport(Message, frozen=True):
    """The running version is on trial; it is kept once ``passed`` holds every check."""

    version: str
    began_at: float
    deadline_at: float
    passed: list[Check]
    waits_for: Sentence | None


class ReturnReport(Message, frozen=True):
    """Why the box went back by itself, or somebody did; ``failed`` is the check that never passed.

    ``log`` is the end of the log of the version that was left, "" where none was kept. The panel
    shows it until the next install.
    """

    version: str
    back_to: str
    at: float
    reason: Sentence
    failed: Check | None = None
    was_asked: bool = False
    log: str = ""


class GoBackReport(Message, frozen=True):
    """Whether the previous version can be had back; ``refusal`` says why not.

    ``loses_since`` is when the databases were copied for it: what came later is set aside. None if
    both versions share them.
    """

    version: str
    until: float | None
    loses_since: float | None = None
    refusal: Sentence | None = None


class UpdateOverview(Message, frozen=True):
    """Updates at one moment.

    ``absence`` is why this box cannot update itself, None where it can; then ``slots`` is empty and
    every verb but DescribeUpdates is refused with it. ``channel`` is the one of this box,
    ``channel_host`` who is asked for it, "" where nobody is.
    """

    version: str
    absence: Sentence | None
    channel: str
    channel_host: str
    policy: UpdatePolicy
    slots: list[SlotReport]
    offer: Offer | None
    job: UpdateJob | None
    trial: TrialReport | None
    last_return: ReturnReport | None
    go_back: GoBackReport | None
