# SPDX-License-Identifier: Apache-2.0
"""A little room held back in a repository's folder, for letting backups go when it is full.

restic needs a lock and a new index for that, and both are written before anything is deleted.
"""

import contextlib
import os
from pathlib import Path

from atre.backup.space import free_bytes

_FILE = ".atre-spare"
_SPARE_BYTES = 8 * 2**20
# Not where it would be what is missing for a backup.
_ONLY_WITH_BYTES = 10 * _SPARE_BYTES
_CHUNK = bytes(2**20)


def hold_back(folder: Path | None) -> None:
    """Make it if there is room to spare; a server (None) has none, and a failure is no harm."""
    if folder is None or (free_bytes(folder) or 0) < _ONLY_WITH_BYTES:
        return
    with contextlib.suppress(OSError):
        path = folder / _FILE
        if path.exists():
            return
        with path.open("xb") as file:
            # Written, not only allocated: some filesystems promise blocks that they do not have.
            for _ in range(_SPARE_BYTES // len(_CHUNK)):
                file.write(_CHUNK)
            os.fsync(file.fileno())


def give_up(folder: Path | None) -> None:
    """Free it."""
    if folder is not None:
        with contextlib.suppress(OSError):
            (folder / _FILE).unlink(missing_ok=True)
