# SPDX-License-Identifier: Apache-2.0
"""How the management daemon asks a running box to start its engine anew.

A datagram to ``restart.sock``, which only the user whose box it is can reach.
"""

import socket
from pathlib import Path

from atre.datagrams import Datagrams
from atre.errors import EngineUnavailableError


class RestartSocket(Datagrams):
    """The box's end; readable when somebody asks."""

    def __init__(self, runtime_dir: Path) -> None:
        super().__init__(_socket_path(runtime_dir))

    def was_asked(self) -> bool:
        """Whether anybody asked since the last call; who asks twice is served once."""
        asked = False
        while self.receive(1) is not None:
            asked = True
        return asked


def ask_for_restart(runtime_dir: Path) -> None:
    """Ask the box there. Raises EngineUnavailableError if none listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        try:
            sending.setblocking(False)
            sending.connect(str(_socket_path(runtime_dir)))
            sending.send(b"1")
        except BlockingIOError:
            return  # enough requests wait already
        except OSError as error:
            raise EngineUnavailableError(
                "The box does not listen for this; restart the service that runs it."
            ) from error


def _socket_path(runtime_dir: Path) -> Path:
    return runtime_dir / "restart.sock"
