# SPDX-License-Identifier: Apache-2.0
"""A backup from its first look at the disk to the check of what it stored."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from atre import __version__
from atre.backup import space
from atre.backup.contents import gather, size_bytes, weights_bytes
from atre.backup.event import Stored
from atre.backup.repository import Repository
from atre.backup.schedule import backup_time, is_believable
from atre.backup.session import Session, check_known, give_sheet_key
from atre.backup.snapshot import tags_for
from atre.backup.spare_room import hold_back
from atre.backup.thinning import thin
from atre.backup.verifying import check
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_messages import CreateBackup
from atre.ipc.backup_replies import Stage
from atre.media.open_target import OpenTarget
from atre.space.estimate import BackupSize, bytes_needed


def utc_now() -> dt.datetime:
    """What the machine's clock says."""
    return dt.datetime.now(dt.UTC)


def create(
    session: Session, order: CreateBackup, clock: Callable[[], dt.datetime] = utc_now
) -> None:
    """Make a backup, let old ones go, and check a part. Raises BackupError, StorageError, OSError.

    The backup counts once restic stored it and the check that follows found nothing.
    """
    place = session.place
    needed = size_bytes(place, with_models=session.work.policy.with_models)
    repository = _ready(session, needed)
    try:
        _store(session, order, repository, needed, clock())
    except BackupError as error:
        # It was there a moment ago: a mount that is gone leaves an empty folder behind.
        if error.problem is BackupProblem.EMPTY:
            raise _away(session.work.target) from error
        raise


def _store(
    session: Session, order: CreateBackup, repository: Repository, needed: int, now: dt.datetime
) -> None:
    policy, place = session.work.policy, session.place
    folder = session.scratch / "contents"
    folder.mkdir(mode=0o700)
    weights = weights_bytes(place, with_models=policy.with_models)
    space.require_room(folder, needed - weights)
    newest = session.remembered().last_backup_at
    at = backup_time(now, newest)
    gather(
        place,
        folder,
        unit=session.unit,
        at=at.timestamp(),
        config=Path(session.work.config),
        with_models=policy.with_models,
    )
    _require_target_room(session, repository, folder, needed)
    session.reached(Stage.STORING)
    snapshot = repository.back_up(
        folder,
        unit=session.unit,
        tags=tags_for(session.unit, __version__, order.reason),
        at=at,
        upload_kib_s=policy.upload_kib_s,
        progress=session.moved,
    )
    session.say(Stored(snapshot=snapshot))
    session.note(last_backup_at=at.timestamp(), last_snapshot=snapshot)
    give_sheet_key(session, repository)
    # By a clock that was never set, every backup would look old.
    if is_believable(now, newest):
        thin(session, repository)
    hold_back(repository.folder)
    check(session, repository, is_whole=False)


def _ready(session: Session, needed: int) -> Repository:
    """The repository, made if this box never had one there and so much fits."""
    repository, remembered = session.repository(), session.remembered()
    target = session.work.target
    if remembered.repository or repository.exists():
        check_known(repository, remembered)
    else:
        folder = target.folder
        if folder is not None and not folder.is_dir():
            raise _away(target)
        free = space.free_bytes(folder) if folder else None
        if free is not None:
            space.require_target_room(BackupSize(total_bytes=needed), free)
        repository.create()
    session.note(repository=repository.id())
    repository.free_of_own_locks()
    return repository


def _away(target: OpenTarget) -> BackupError:
    return BackupError(
        f"{target.location} is away. Plug the disk in again.",
        f"{target.location} n’est plus là. Rebranchez le disque.",
        problem=BackupProblem.TARGET_AWAY,
    )


def _require_target_room(
    session: Session, repository: Repository, folder: Path, needed: int
) -> None:
    """Raises BackupError, before anything is written, if what is new does not fit."""
    target = session.work.target.folder
    free = space.free_bytes(target) if target else None
    if free is None or bytes_needed(BackupSize(total_bytes=needed)) <= free:
        return
    # Most of it lies there already, most days: restic says what is new.
    added = repository.size_of_backup(folder, session.unit)
    space.require_target_room(BackupSize(total_bytes=needed, changed_bytes=added), free)
