# SPDX-License-Identifier: Apache-2.0
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
from numpy.typing import NDArray

_PROBE_BYTES = 512 * 2**20  # far more than any cache
_ROUNDS = 5


def memory_bandwidth(num_bytes: int = _PROBE_BYTES) -> float:
    """The speed at which all processors together read this machine's memory, in bytes a second.

    The best of several sums over ``num_bytes``, each thread on its own part; NumPy releases the
    interpreter while it adds. Generating one token reads every weight once, so this bounds it.
    """
    parts = np.array_split(np.ones(num_bytes // 8, np.int64), psutil.cpu_count() or 1)
    with ThreadPoolExecutor(len(parts)) as pool:
        best_s = min(_read(pool, parts) for _ in range(_ROUNDS))
    return sum(part.nbytes for part in parts) / best_s


def _read(pool: ThreadPoolExecutor, parts: list[NDArray[np.int64]]) -> float:
    started_s = time.perf_counter()
    for _ in pool.map(np.sum, parts):
        pass
    return time.perf_counter() - started_s
