# SPDX-License-Identifier: Apache-2.0
"""Mounts that nobody else sees: a copy of one in another namespace would keep a cut disk alive."""

import ctypes
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_CLONE_NEWNS = 0x00020000  # sched(7)

_libc = ctypes.CDLL(None, use_errno=True)
Answer = TypeVar("Answer")


def in_own_mounts(do: Callable[[], Answer]) -> Answer:
    """Do it in a thread with a mount namespace of its own, which its children share."""
    with ThreadPoolExecutor(1, initializer=_unshare) as pool:
        return pool.submit(do).result()


def _unshare() -> None:
    if _libc.unshare(_CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "no mount namespace of its own")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
