# SPDX-License-Identifier: Apache-2.0
import time

from atre.backup.repository import Repository
from atre.backup.session import Session
from atre.backup.verify import part
from atre.ipc.backup_replies import Stage


def verify(session: Session, *, is_whole: bool) -> None:
    """Check the repository, and the next part of its data or all. Raises BackupError, OSError."""
    check(session, session.own_repository(), is_whole=is_whole)


def check(session: Session, repository: Repository, *, is_whole: bool) -> None:
    """The same of a repository that is open. Raises BackupError, OSError."""
    session.reached(Stage.CHECKING)
    num_checks = session.remembered().num_checks
    repository.check(None if is_whole else part(num_checks))
    session.note(last_checked_at=time.time(), num_checks=num_checks + 1)
