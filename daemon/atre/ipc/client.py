# SPDX-License-Identifier: Apache-2.0
import contextlib
import socket
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from atre.errors import EngineUnavailableError, InvalidRequestError
from atre.ipc.failure import error_from
from atre.ipc.frame import FrameReader, encode_frame
from atre.ipc.messages import (
    BoxDescription,
    DescribeBox,
    DescribeEngine,
    EngineDescription,
    EngineEvent,
    Failed,
    Finished,
    Generate,
    ManagementReply,
    Message,
)

_CONNECT_TIMEOUT_S = 2.0  # a local socket answers at once, or its backlog is full
_REPLY_TIMEOUT_S = 5.0  # descriptions are read from memory; an engine step can delay them
_RECV_BYTES = 65536


class EngineClient:
    """Speaks to ``atre-engine``. Cheap to make, safe to share between threads."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path

    def describe(self) -> EngineDescription:
        """What the engine runs. Raises EngineUnavailableError while it is down or loading."""
        reply = ask(self._socket_path, "engine", DescribeEngine(), EngineEvent)
        if not isinstance(reply, EngineDescription):
            raise EngineUnavailableError("The engine answered something else; restart the box.")
        return reply

    def generate(self, request: Generate) -> "Generation":
        """Start one completion. Raises EngineUnavailableError if the engine cannot be reached."""
        connection = connect(self._socket_path, "engine")
        try:
            connection.sendall(encode_frame(request))
        except OSError as error:
            connection.close()
            raise EngineUnavailableError(_LOST) from error
        return Generation(connection)


class ManagementClient:
    """Speaks to ``atred``. Cheap to make, safe to share between threads."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path

    def describe(self) -> BoxDescription:
        """How the LAN sees the box. Raises EngineUnavailableError while ``atred`` is down."""
        reply = ask(self._socket_path, "management daemon", DescribeBox(), ManagementReply)
        if not isinstance(reply, BoxDescription):
            raise EngineUnavailableError("The management daemon answered something else.")
        return reply


class Generation:
    """One running completion. Closing it, or leaving its ``with`` block, cancels it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames = FrameReader()
        self._decoder = msgspec.msgpack.Decoder(EngineEvent)
        self._pending: deque[EngineEvent] = deque()
        self._ended = False

    def fileno(self) -> int:
        """For ``poll``: readable when ``read`` will not block."""
        return self._connection.fileno()

    def read(self) -> list[EngineEvent]:
        """Wait for bytes and return the events they complete, perhaps none.

        Raises the error of a ``Failed`` event, and EngineUnavailableError if the engine is lost.
        """
        try:
            data = self._connection.recv(_RECV_BYTES)
        except OSError as error:
            raise EngineUnavailableError(_LOST) from error
        if not data:
            raise EngineUnavailableError(_LOST)
        events = [self._decoder.decode(body) for body in self._frames.feed(data)]
        for event in events:
            if isinstance(event, Failed):
                raise error_from(event)
            self._ended = self._ended or isinstance(event, Finished)
        return events

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> EngineEvent:
        """Block for the next event; the iteration ends after ``Finished``."""
        while not self._pending:
            if self._ended:
                raise StopIteration
            self._pending.extend(self.read())
        return self._pending.popleft()

    def close(self) -> None:
        """End the generation, wherever it is: queued, reading or answering."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _tb: TracebackType | None,
    ) -> None:
        self.close()


_LOST = "The engine stopped during this request and is being restarted. Ask again in a few seconds."


def connect(socket_path: Path, peer: str) -> socket.socket:
    """A connection to a process of the box. Raises EngineUnavailableError, which names ``peer``."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_CONNECT_TIMEOUT_S)
        connection.connect(str(socket_path))
        connection.settimeout(None)
    except OSError as error:
        connection.close()
        raise EngineUnavailableError(
            f"The {peer} is not running or still loading. Try again in a few seconds."
        ) from error
    return connection


def ask(socket_path: Path, peer: str, request: Message, reply_type: object) -> object:
    """The one reply to a request. Raises its error, or EngineUnavailableError without a reply."""
    with contextlib.closing(connect(socket_path, peer)) as connection:
        connection.settimeout(_REPLY_TIMEOUT_S)
        frames = FrameReader()
        try:
            connection.sendall(encode_frame(request))
            bodies: list[bytes] = []
            while not bodies:
                data = connection.recv(_RECV_BYTES)
                if not data:
                    raise EngineUnavailableError(f"The {peer} closed the connection.")
                bodies = frames.feed(data)
            reply = msgspec.msgpack.decode(bodies[0], type=reply_type)
        except (OSError, msgspec.DecodeError, InvalidRequestError) as error:
            raise EngineUnavailableError(f"The {peer} does not answer.") from error
    if isinstance(reply, Failed):
        raise error_from(reply)
    return reply
