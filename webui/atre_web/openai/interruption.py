# SPDX-License-Identifier: Apache-2.0
import select
from collections.abc import Mapping
from dataclasses import dataclass

from atre.errors import EngineUnavailableError

# Linux reports a peer that closed its side even while unread bytes wait (poll(2)); macOS does not.
PEER_CLOSED = getattr(select, "POLLRDHUP", 0)
_GONE = PEER_CLOSED | select.POLLHUP | select.POLLERR | select.POLLNVAL


class ClientGoneError(Exception):
    """The client closed its connection; nobody waits for the answer."""


@dataclass(slots=True, frozen=True)
class Interruption:
    """What ends an answer early, None where it cannot happen.

    ``client_fd`` is the client's socket; ``closing_fd`` is readable once this process is about to
    end.
    """

    client_fd: int | None = None
    closing_fd: int | None = None

    def register(self, poll: select.poll) -> None:
        """Let ``poll`` wait for it too."""
        if self.client_fd is not None:
            poll.register(self.client_fd, PEER_CLOSED)
        if self.closing_fd is not None:
            poll.register(self.closing_fd, select.POLLIN)

    def check(self, ready: Mapping[int, int]) -> None:
        """Look for it in what ``poll`` returned.

        Raises ClientGoneError, and EngineUnavailableError if the box stops.
        """
        if self.client_fd is not None and ready.get(self.client_fd, 0) & _GONE:
            raise ClientGoneError
        if self.closing_fd in ready:
            raise EngineUnavailableError(
                "The box is being stopped, which ended this answer. Ask again when it is back."
            )
