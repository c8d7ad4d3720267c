# SPDX-License-Identifier: Apache-2.0
"""Bringing a backup back, step by step; the same for a manager and on a new box.

Each step's form carries what the earlier ones chose, the key too: nothing of it is kept by the box,
and the pages are never cached.
"""

from dataclasses import dataclass

from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_messages import ListSnapshots, PreviewRestore, StageRestore
from atre.ipc.backup_replies import (
    BackupOverview,
    JobKind,
    JobState,
    RestorePhase,
    RestorePreview,
    SnapshotListing,
)
from atre.sentence import Sentence
from atre_web.backups.blueprint import backups
from atre_web.backups.words import Shown, job_shown
from atre_web.panel.form import field
from atre_web.panel.wording import gettext, said


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen so far; empty for not yet, an empty key is the box's own."""

    target: str = ""
    unit: str = ""
    snapshot: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """How far a restore is, for the template: the first of these that is set is shown."""

    choice: Choice
    phase: RestorePhase | None = None
    job: Shown | None = None
    preview: RestorePreview | None = None
    refusal: str = ""
    listing: SnapshotListing | None = None
    problem: str = ""
    asks_for_key: bool = False
    word: str = ""


def chosen() -> Choice:
    """What the form holds."""
    return Choice(
        target=field("target"), unit=field("unit"), snapshot=field("snapshot"), key=field("key")
    )


def now(overview: BackupOverview, *, problem: str = "") -> Steps:
    """Where a restore stands without a form."""
    shown = job_shown(overview)
    is_restore = overview.job is not None and overview.job.kind is JobKind.RESTORE
    is_over = overview.job is None or overview.job.state in (JobState.DONE, JobState.CANCELLED)
    return Steps(
        choice=Choice(),
        phase=overview.restore.phase if overview.restore else None,
        job=shown if is_restore and not is_over else None,
        problem=problem,
        word=word(),
    )


def listed(choice: Choice) -> Steps:
    """The backups at a place; a key that does not fit is asked for again."""
    request = ListSnapshots(target=choice.target, unit=choice.unit, key=choice.key)
    try:
        listing = backups().snapshots(request)
    except BackupError as error:
        asks = error.problem in (BackupProblem.WRONG_KEY, BackupProblem.SHEET_WRONG)
        return Steps(choice=choice, problem=said(error.sentence), asks_for_key=asks)
    found = Choice(target=choice.target, unit=listing.unit, key=choice.key)
    return Steps(choice=found, listing=listing)


def previewed(choice: Choice) -> Steps:
    """What a backup would bring."""
    request = PreviewRestore(
        target=choice.target, snapshot=choice.snapshot, unit=choice.unit, key=choice.key
    )
    try:
        found = backups().preview(request)
    except BackupError as error:
        return Steps(choice=choice, problem=said(error.sentence))
    refusal = said(Sentence(found.refusal, found.refusal_fr))
    return Steps(choice=choice, preview=found, refusal=refusal)


def staged(choice: Choice) -> Steps:
    """Begin to fetch it beside the box's data."""
    order = StageRestore(
        target=choice.target, snapshot=choice.snapshot, unit=choice.unit, key=choice.key
    )
    try:
        backups().start(order)
    except BackupError as error:
        return Steps(choice=choice, problem=said(error.sentence))
    return now(backups().describe())


def word() -> str:
    """What is typed before the box starts anew with a backup."""
    return gettext("RESTAURER")


def is_typed() -> bool:
    """Whether it was."""
    return field("word").strip().upper() == word()
