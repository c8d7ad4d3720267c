# SPDX-License-Identifier: Apache-2.0
import os


def never_preempt() -> None:
    """Let this process, and the threads that it starts from here on, wait for a free processor.

    A woken thread otherwise takes the processor from the one that woke it: the engine, between two
    steps, at every token that it sends. Under SCHED_BATCH it does not (sched(7)); it still gets its
    fair share. Systems without that policy go on as they are.
    """
    if hasattr(os, "SCHED_BATCH"):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
