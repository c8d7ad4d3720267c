# SPDX-License-Identifier: Apache-2.0
"""What the box's processes write to standard error, kept in files of bounded size.

A process logs what it does and what fails, never what anybody asks or is answered. Native code
writes there too: the last words of a process that aborted are in its file.
"""

import contextlib
import datetime as dt
import os
import sys
import threading
from pathlib import Path
from typing import IO

# Of each process: this file and the one before it.
MAX_FILE_BYTES = 512 * 1024
_MAX_LINE_BYTES = 4096


class ChildLog:
    """The log of one process: every line with its time, in ``NAME.log`` and, before, ``.log.1``."""

    def __init__(self, directory: Path, name: str, *, max_bytes: int = MAX_FILE_BYTES) -> None:
        self._path = directory / f"{name}.log"
        self._max_bytes = max_bytes

    def follow(self, stream: IO[bytes]) -> None:
        """Keep what comes from ``stream`` until it ends, in a thread, and pass it on."""
        threading.Thread(
            target=self._follow, args=(stream,), name=f"log-{self._path.stem}", daemon=True
        ).start()

    def write(self, line: bytes) -> None:
        """Add one line. A disk that takes none must not stop the box: the line is then lost."""
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ ").encode()
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._rotate()
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(file, now + line.rstrip(b"\n")[:_MAX_LINE_BYTES] + b"\n")
            finally:
                os.close(file)

    def _follow(self, stream: IO[bytes]) -> None:
        with stream:
            # A line without end comes in pieces, so that it never fills the memory.
            while line := stream.readline(_MAX_LINE_BYTES):
                self.write(line)
                with contextlib.suppress(OSError, ValueError):
                    sys.stderr.buffer.write(line)
                    sys.stderr.buffer.flush()

    def _rotate(self) -> None:
        if self._path.exists() and self._path.stat().st_size >= self._max_bytes:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
