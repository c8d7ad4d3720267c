# SPDX-License-Identifier: Apache-2.0
"""How many requests each person has at once, over all listeners of the box.

Each listener is a process of its own. A request holds a lock (flock(2)) on one of its person's
numbered files for as long as it runs; the kernel lets go of it with the process, however that ends.
A count in the database would stay too high after a crash until somebody noticed who died.
"""

import fcntl
import hashlib
import os
from pathlib import Path

from atre.errors import QuotaError
from atre.sentence import counted
from atre_web.accounts.principal import Principal
from atre_web.accounts.quotas import payer

_RETRY_AFTER_S = 5  # an answer of usual length ends by then
_MOST = 1000  # what a limit can be at most: beyond it, nobody counts


class Place:
    """One running request. Closing it lets the next one in; again changes nothing."""

    def __init__(self, lock: int | None) -> None:
        self._lock = lock

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class Running:
    """The files, in a folder that every listener of the box shares."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def enter(self, principal: Principal, limit: int | None) -> Place:
        """Count one more. Raises QuotaError, and counts nothing, if that would be over the limit.

        The keys of the box itself are counted each for itself: they are different programs. After
        a limit was lowered, what ran before it does not count against it.
        """
        who = hashlib.sha256(payer(principal).encode()).hexdigest()[:32]
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in range(_MOST if limit is None else limit):
                lock = _locked(self._folder / f"{who}-{number}")
                if lock is not None:
                    return Place(lock)
        except OSError:  # a disk that knows no locks, or is full, must keep nobody from asking
            return Place(None)
        if limit is None:
            return Place(None)
        raise QuotaError(
            f"You already have {counted(limit, 'request', 'requests')} running, and no more are "
            "allowed at once. Wait for one to end.",
            retry_after_s=_RETRY_AFTER_S,
        )


def _locked(path: Path) -> int | None:
    """The open file, locked; None if another request holds it. Raises OSError."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except OSError:
        os.close(file)
        raise
    return file
