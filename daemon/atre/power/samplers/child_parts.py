# SPDX-License-Identifier: Apache-2.0
"""The newest part of what a child process keeps printing."""

import subprocess
import threading
from collections.abc import Sequence
from typing import Protocol

_MAX_PART_BYTES = 2**20
_GRACE_S = 0.05  # a process stuck inside a driver ignores even SIGKILL; it is then left behind
_RESTART_S = 60.0


class Parts(Protocol):
    """Where the parts come from: a child process, or what one printed before."""

    def take(self) -> bytes | None: ...

    def close(self) -> None: ...


class ChildParts:
    """Runs ``command`` and keeps the last whole part of its output, parts being ended by ``end``.

    A child that ends is started again after a minute, for its driver may have been updated.
    """

    def __init__(self, command: Sequence[str], end: bytes) -> None:
        self._command, self._end = command, end
        self._lock = threading.Lock()
        self._part: bytes | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="power-child", daemon=True)
        self._thread.start()

    def take(self) -> bytes | None:
        """The newest part that was not taken yet; an empty one where the child cannot run."""
        with self._lock:
            part, self._part = self._part, None
        return part

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            child = self._child
        if child is not None:
            child.kill()
        self._thread.join(_GRACE_S)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._listen()
            self._put(b"")
            self._closed.wait(_RESTART_S)

    def _listen(self) -> None:
        try:
            child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return
        with self._lock:
            self._child = child
        if self._closed.is_set():
            child.kill()
        with child:
            self._read(child)

    def _read(self, child: subprocess.Popen[bytes]) -> None:
        if child.stdout is None:
            return
        waiting = b""
        while data := child.stdout.read1(_MAX_PART_BYTES):  # type: ignore[attr-defined]
            *whole, waiting = (waiting + data).split(self._end)
            if whole:
                self._put(whole[-1])
            if len(waiting) > _MAX_PART_BYTES:
                child.kill()
                return

    def _put(self, part: bytes) -> None:
        with self._lock:
            self._part = part
