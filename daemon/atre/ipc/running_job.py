# SPDX-License-Identifier: Apache-2.0
import os
from typing import Generic, TypeVar

import msgspec

from atre.errors import EngineUnavailableError
from atre.ipc.closing import Closing
from atre.ipc.failure import error_from
from atre.ipc.frame import FrameReader, encode_frame
from atre.ipc.message import Message
from atre.ipc.messages import Failed
from atre.ipc.peer import Peer
from atre.ipc.presence import Moved

_RECV_BYTES = 65536

Event = TypeVar("Event")


class RunningJob(Closing, Generic[Event]):
    """A job that a process of the box works on for us, and the events that it sends.

    Closing it, or leaving its ``with`` block, cancels it wherever it is.
    """

    def __init__(
        self,
        peer: Peer,
        request: Message,
        decoder: "msgspec.msgpack.Decoder[Event | Failed | Moved]",
    ) -> None:
        """Start it. Raises EngineUnavailableError if the process cannot be reached."""
        self._peer = peer
        self._request = encode_frame(request)
        self._decoder = decoder
        self._frames = FrameReader()
        self._connection = peer.connect()
        try:
            self._connection.sendall(self._request)
        except OSError as error:
            self._connection.close()
            raise self._lost() from error

    def _lost(self) -> EngineUnavailableError:
        return EngineUnavailableError(
            f"The {self._peer.name} stopped during this request and is being restarted. "
            "Ask again in a few seconds.",
            f"Le {self._peer.name_fr} s’est arrêté pendant cette demande et redémarre. "
            "Recommencez dans quelques secondes.",
        )

    def fileno(self) -> int:
        """For ``poll``: readable when ``read`` will not block."""
        return self._connection.fileno()

    def read(self) -> list[Event]:
        """Wait for bytes and return the events they complete, perhaps none.

        Raises the error of a ``Failed`` event, and EngineUnavailableError if the process is lost.
        """
        try:
            data = self._connection.recv(_RECV_BYTES)
        except OSError as error:
            raise self._lost() from error
        if not data:
            raise self._lost()
        events: list[Event] = []
        for event in map(self._decoder.decode, self._frames.feed(data)):
            if isinstance(event, Failed):
                raise error_from(event)
            if isinstance(event, Moved):
                self._ask_again()
                return events
            events.append(event)
        return events

    def _ask_again(self) -> None:
        """Send the request to where the address leads now, on the same file descriptor.

        Whoever polls that descriptor need not know.
        """
        with self._peer.connect() as fresh:
            os.dup2(fresh.fileno(), self._connection.fileno(), inheritable=False)
        try:
            self._connection.sendall(self._request)
        except OSError as error:
            raise self._lost() from error

    def close(self) -> None:
        self._connection.close()
