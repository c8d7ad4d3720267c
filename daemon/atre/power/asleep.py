# SPDX-License-Identifier: Apache-2.0
import sys
import time


def asleep_s() -> float:
    """How long this machine has slept since it started, in seconds; 0 where nobody can tell.

    Linux's CLOCK_MONOTONIC stands still while the machine is suspended, CLOCK_BOOTTIME does not
    (clock_gettime(2)).
    """
    if sys.platform != "linux":
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
