# SPDX-License-Identifier: Apache-2.0
import time

from atre.backup.session import Session
from atre.backup.verify import part
from atre.ipc.backup_replies import Stage


def verify(session: Session, *, is_whole: bool) -> None:
    """Check the repository, and the next part of its data or all. Raises BackupError, OSError."""
    repository = session.own_repository()
    session.reached(Stage.CHECKING)
    num_checks = session.remembered().num_checks
    repository.check(None if is_whole else part(num_checks))
    session.note(last_checked_at=time.time(), num_checks=num_checks + 1)
