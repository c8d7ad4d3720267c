# SPDX-License-Identifier: Apache-2.0
"""Who waits for whom when processes of the box want a processor or a disk: answers come first."""

import contextlib
import os
import sys
from pathlib import Path

import psutil

_NICENESS = 10  # a tenth of a processor that somebody else wants too: enough to come to an end
_AUTOGROUP = Path("/proc/self/autogroup")


def never_preempt() -> None:
    """Let this process, and the threads that it starts from here on, wait for a free processor.

    A woken thread otherwise takes the processor from the one that woke it: the engine, between two
    steps, at every token that it sends. Under SCHED_BATCH it does not (sched(7)); it still gets its
    fair share. Systems without that policy, or that refuse it, go on as they are.
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def be_nice(niceness: int = _NICENESS) -> None:
    """Take less of a busy processor, children included; call it first in a session of one's own.

    Linux shares processors among sessions before it looks at the niceness of their processes, so
    the session's own niceness must be set too (sched(7), "The autogroup feature"). A kernel or a
    container that refuses leaves things as they are.
    """
    with contextlib.suppress(OSError):
        os.nice(niceness)
    if os.getsid(0) == os.getpid():  # never that of the terminal, or of the daemon
        with contextlib.suppress(OSError):
            _AUTOGROUP.write_text(str(niceness), "ascii")


def give_way() -> None:
    """Be nice, run after everybody of the session, and use the disk when nobody else wants it.

    SCHED_IDLE and the idle class of I/O on Linux: sched(7), ioprio_set(2). Children do the same.
    """
    be_nice()
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        with contextlib.suppress(OSError, psutil.Error):
            psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
