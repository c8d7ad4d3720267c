# SPDX-License-Identifier: Apache-2.0
"""Datagrams between the processes of one user: asking without waiting for an answer."""

import socket
from pathlib import Path


class Datagrams:
    """What arrives at ``path``, which only the user whose box it is can reach."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        self._path.chmod(0o600)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """For ``poll``: readable when something arrived."""
        return self._socket.fileno()

    def receive(self, max_bytes: int) -> bytes | None:
        """The next datagram, cut at ``max_bytes``; None if none is there."""
        try:
            return self._socket.recv(max_bytes)
        except BlockingIOError:
            return None

    def close(self) -> None:
        self._socket.close()
        self._path.unlink(missing_ok=True)
