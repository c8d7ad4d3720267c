# SPDX-License-Identifier: Apache-2.0
"""How the management daemon tells a running box that there is something to do.

A datagram to a socket of that name, which only the user whose box it is can reach. It says nothing
but that: whatever there is to know lies in a file.
"""

import socket
from pathlib import Path

from atre.errors import EngineUnavailableError
from atre.ipc.datagrams import Datagrams

RESTART = "restart.sock"  # start the engine anew
RESTART_BOX = "restart-box.sock"  # start the whole box anew
SLEEP = "sleep.sock"  # read again when the model may leave memory


class NudgeSocket(Datagrams):
    """The box's end; readable when somebody asks."""

    def was_asked(self) -> bool:
        """Whether anybody asked since the last call; who asks twice is served once."""
        asked = False
        while self.receive(1) is not None:
            asked = True
        return asked


def nudge(path: Path) -> None:
    """Ask the box there. Raises EngineUnavailableError if none listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        try:
            sending.setblocking(False)
            sending.connect(str(path))
            sending.send(b"1")
        except BlockingIOError:
            return  # enough requests wait already
        except OSError as error:
            raise EngineUnavailableError(
                "The box does not listen for this; restart the service that runs it."
            ) from error
