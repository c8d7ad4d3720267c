# SPDX-License-Identifier: Apache-2.0
"""Letting old backups go by the policy, also where a target has no room left."""

from atre.backup.repository import Repository
from atre.backup.session import Session
from atre.backup.spare_room import give_up, hold_back
from atre.ipc.backup_replies import Stage


def thin_now(session: Session) -> None:
    """Let old backups go in as little room as that takes. Raises BackupError, OSError.

    It goes by the order of the backups and not by the clock, which may be wrong.
    """
    repository = session.own_repository()
    give_up(repository.folder)
    try:
        thin(session, repository, in_little_room=True)
    finally:
        hold_back(repository.folder)


def thin(session: Session, repository: Repository, *, in_little_room: bool = False) -> None:
    """The same of a repository that is open. The newest backup that was proven always stays."""
    session.reached(Stage.THINNING)
    proven = session.remembered().last_proven
    repository.forget(
        session.work.policy,
        session.unit,
        but=proven.snapshot if proven else "",
        in_little_room=in_little_room,
    )
