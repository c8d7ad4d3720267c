# SPDX-License-Identifier: Apache-2.0
"""Reading from a stick, or from what lies ready for one: nobody vouches for what is there."""

import os
import stat
from pathlib import Path

from atre.stick.names import MAX_FILE_BYTES


def read_plain(path: Path) -> bytes | None:
    """What is in a plain file of no more than the allowed size; None for anything else."""
    try:
        # Not through a link, and no pipe or device that a file system may hold.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError:
        return None
    return data if len(data) <= MAX_FILE_BYTES else None
