# SPDX-License-Identifier: Apache-2.0
"""A running pull or import says which blobs it needs before any manifest names them."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LEASES = "leases"
PARTIAL = "partial"
_PREFIX = "lease-"


class Lease:
    """Open as long as its process works: the lock on its file ends with the process (flock(2))."""

    def __init__(self, root: Path, descriptor: int, path: Path) -> None:
        self._root = root
        self._descriptor = descriptor
        self._path = path
        self._num_copies = 0

    def keep(self, sha256: str) -> None:
        """No garbage collection removes this blob while the lease is open."""
        os.write(self._descriptor, f"{sha256}\n".encode())

    def new_file(self) -> Path:
        """A place for a copy, thrown away with the lease if it is still there."""
        self._num_copies += 1
        return self._root / PARTIAL / f"{self._path.name}.{self._num_copies}"


@contextmanager
def lease_for(root: Path) -> Iterator[Lease]:
    """Open a lease; the caller holds the store's lock, lest a collection see it unlocked."""
    descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=root / LEASES)
    path = Path(name)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield Lease(root, descriptor, path)
    finally:
        for copy in (root / PARTIAL).glob(f"{path.name}.*"):
            copy.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        os.close(descriptor)


def live_leases(root: Path) -> dict[str, set[str]]:
    """The digests that each open lease keeps; files of dead ones are removed on the way."""
    live: dict[str, set[str]] = {}
    for path in (root / LEASES).glob(f"{_PREFIX}*"):
        try:
            with path.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        except FileNotFoundError:
            continue
        except BlockingIOError:
            live[path.name] = set(path.read_text("ascii").split())
    return live
