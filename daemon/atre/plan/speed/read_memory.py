# SPDX-License-Identifier: Apache-2.0
"""The child process that reads memory as fast as all cores together can.

``python -m atre.plan.speed.read_memory SIZE_BYTES THREADS LIMIT_S`` prints bytes a second.
"""

import signal
import sys
import threading
import time

import numpy as np
import numpy.typing as npt

_MEASURED_S = 0.25
_MIN_PASSES = 3


def read_memory(size_bytes: int, num_threads: int) -> float:
    """Bytes a second of the fastest of several passes over ``size_bytes``; noise only slows."""
    numbers = size_bytes // num_threads // 4
    # Written, not zeroed: all untouched pages are one and the same page of zeros.
    parts = [np.full(numbers, thread, dtype=np.int32) for thread in range(num_threads)]
    passes: list[float] = []
    while len(passes) < _MIN_PASSES or sum(passes) < _MEASURED_S:
        passes.append(_pass(parts))
    return 4 * numbers * num_threads / min(passes)


def _pass(parts: list[npt.NDArray[np.int32]]) -> float:
    # The maximum of int32 is the reduction that NumPy computes fastest; it lets go of the GIL.
    threads = [threading.Thread(target=part.max) for part in parts]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def main(size_bytes: str, num_threads: str, limit_s: str) -> None:
    """Print the figure; should the parent die, the alarm ends this process."""
    signal.alarm(max(1, round(float(limit_s))))
    sys.stdout.write(f"{read_memory(int(size_bytes), int(num_threads)):.0f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
