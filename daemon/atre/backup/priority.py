# SPDX-License-Identifier: Apache-2.0
"""Backups run when nobody else wants the processor or the disk: answers come first."""

import contextlib
import os
import sys

import psutil

_NICEST = 19


def give_way() -> None:
    """Take only what is idle, children included: SCHED_IDLE and the idle class of I/O on Linux.

    sched(7), ioprio_set(2). A kernel or a container that refuses leaves niceness.
    """
    with contextlib.suppress(OSError):
        os.nice(_NICEST)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        with contextlib.suppress(OSError, psutil.Error):
            psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
