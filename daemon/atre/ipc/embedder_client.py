# SPDX-License-Identifier: Apache-2.0
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from atre.errors import EngineUnavailableError
from atre.ipc.client import ask, connect
from atre.ipc.failure import error_from
from atre.ipc.frame import FrameReader, encode_frame
from atre.ipc.messages import (
    DescribeEmbedder,
    Embed,
    Embedded,
    EmbedderDescription,
    EmbedderEvent,
    Failed,
    Vector,
)

_PEER = "embedding model"
_LOST = (
    "The embedding model stopped during this request and is being restarted. Ask again in a few "
    "seconds."
)
_RECV_BYTES = 65536


class EmbedderClient:
    """Speaks to ``atre-embedder``. Cheap to make, safe to share between threads."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path

    def describe(self) -> EmbedderDescription:
        """The embedding model. Raises EngineUnavailableError while it is down or loading."""
        reply = ask(self._socket_path, _PEER, DescribeEmbedder(), EmbedderEvent)
        if not isinstance(reply, EmbedderDescription):
            raise EngineUnavailableError("The embedder answered something else; restart the box.")
        return reply

    def embed(self, request: Embed) -> "Embedding":
        """Start one job. Raises EngineUnavailableError if the embedder cannot be reached."""
        connection = connect(self._socket_path, _PEER)
        try:
            connection.sendall(encode_frame(request))
        except OSError as error:
            connection.close()
            raise EngineUnavailableError(_LOST) from error
        return Embedding(connection)


class Embedding:
    """One running job. Closing it, or leaving its ``with`` block, cancels what is left of it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames = FrameReader()
        self._decoder = msgspec.msgpack.Decoder(Vector | Embedded | Failed)

    def fileno(self) -> int:
        """For ``poll``: readable when ``read`` will not block."""
        return self._connection.fileno()

    def read(self) -> list[Vector | Embedded]:
        """Wait for bytes and return the events they complete, perhaps none.

        Raises the error of a ``Failed`` event, and EngineUnavailableError if the embedder is lost.
        """
        try:
            data = self._connection.recv(_RECV_BYTES)
        except OSError as error:
            raise EngineUnavailableError(_LOST) from error
        if not data:
            raise EngineUnavailableError(_LOST)
        events: list[Vector | Embedded] = []
        for event in map(self._decoder.decode, self._frames.feed(data)):
            if isinstance(event, Failed):
                raise error_from(event)
            events.append(event)
        return events

    def close(self) -> None:
        """Cancel what was not computed yet."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()
