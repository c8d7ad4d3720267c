# SPDX-License-Identifier: Apache-2.0
"""Whose a repository's locks are, and whether they may be taken away."""

from collections.abc import Callable, Sequence

import msgspec
import psutil

from atre.errors import BackupError, BackupProblem


class Lock(msgspec.Struct, frozen=True):
    """A lock as restic keeps it: the machine and the process that hold it."""

    hostname: str
    pid: int


def may_unlock(locks: Sequence[Lock], host: str, is_running: Callable[[int], bool]) -> bool:
    """Whether every lock is one that a dead restic of this machine left.

    Raises BackupError for one of another machine: whether that still works nobody here can know.
    """
    for lock in locks:
        if lock.hostname != host:
            raise BackupError(
                f"The machine {lock.hostname!r} works on these backups, or stopped in the middle. "
                "If it is switched off for good, run `restic unlock` on the repository.",
                f"La machine «\u00a0{lock.hostname}\u00a0» travaille sur ces sauvegardes, ou s’est "
                "arrêtée au milieu. Si elle est éteinte pour de bon, lancez `restic unlock` sur le "
                "dépôt.",
                problem=BackupProblem.LOCKED,
            )
    return bool(locks) and not any(is_running(lock.pid) for lock in locks)


def is_restic(pid: int) -> bool:
    """Whether a restic runs under that number; a number comes again after a start."""
    try:
        return psutil.Process(pid).name() == "restic"
    except psutil.Error:
        return False
