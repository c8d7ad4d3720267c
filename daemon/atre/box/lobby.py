# SPDX-License-Identifier: Apache-2.0
"""Where requests wait while no engine is loaded: it answers on the engine's address meanwhile."""

import contextlib
import os
import threading
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.errors import AtreError, EngineUnavailableError, InvalidRequestError, QueueFullError
from atre.ipc.failure import failure
from atre.ipc.intake import Intake
from atre.ipc.messages import EngineDescription, EngineRequest, Generate
from atre.ipc.presence import Activity, DescribeActivity, Moved, Waking
from atre.ipc.requested_model import check_model
from atre.ipc.server import Connection, Server
from atre.ipc.work_messages import CapThreads, WatchWork

_RETRY_AFTER_S = 15
_PIPE_BYTES = 4096


class Lobby:
    """Says what sleeps, and holds those who want it; readable when somebody began to wait."""

    def __init__(self, socket_path: Path, intake: Intake, *, queue_limit: int) -> None:
        self._intake = intake
        self._queue_limit = queue_limit
        self._lock = threading.Lock()
        self._waiting: set[Connection] = set()
        self._description: EngineDescription | None = None
        self._knock_receive, self._knock_send = os.pipe()
        os.set_blocking(self._knock_receive, False)
        os.set_blocking(self._knock_send, False)
        self._decoder = msgspec.msgpack.Decoder(EngineRequest | WatchWork | CapThreads)
        self._server = Server(socket_path, self._on_frame, self._on_close)
        self._server.start()

    def fileno(self) -> int:
        return self._knock_receive

    def hear(self) -> None:
        """Stop being readable."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._knock_receive, _PIPE_BYTES)

    @property
    def num_waiting(self) -> int:
        return len(self._waiting)

    def take_over(self, description: EngineDescription) -> None:
        """Hold whoever comes from now on; ``description`` is what sleeps, or soon will."""
        with self._lock:
            self._description = description

    def wake(self, fraction: float) -> None:
        """Tell those who wait, and whoever asks, how much of the model is loaded."""
        with self._lock:
            if self._description is None or self._description.waking == fraction:
                return
            self._description = replace(self._description, waking=fraction)
            word = Waking(model=self._description.model, fraction=fraction)
            waiting = list(self._waiting)
        for connection in waiting:
            connection.send(word)

    def refuse(self, reason: str) -> None:
        """The model does not load: answer those who wait with the reason; it sleeps on."""
        with self._lock:
            if self._description is not None:
                self._description = replace(self._description, waking=None)
            waiting, self._waiting = self._waiting, set()
        for connection in waiting:
            connection.send(failure(EngineUnavailableError(f"The model did not wake up: {reason}")))

    def hand_over(self) -> None:
        """Send everybody to the engine, which has the address now."""
        with self._lock:
            self._description = None
            waiting, self._waiting = self._waiting, set()
        for connection in waiting:
            connection.send(Moved())

    def close(self) -> None:
        self._server.close()
        os.close(self._knock_receive)
        os.close(self._knock_send)

    def _on_frame(self, connection: Connection, body: bytes) -> None:
        try:
            request = self._decoder.decode(body)
            if isinstance(request, Generate):
                self._intake.check()
                self._receive(connection, request)
            elif isinstance(request, DescribeActivity):
                connection.send(Activity(num_open=self.num_waiting, idle_s=0.0))
            elif isinstance(request, WatchWork | CapThreads):
                raise EngineUnavailableError("The model sleeps and does no work. Ask again later.")
            else:
                connection.send(self._describe())
        except msgspec.DecodeError as error:
            connection.send(failure(InvalidRequestError(f"The request is malformed: {error}.")))
        except AtreError as error:
            connection.send(failure(error))

    def _describe(self) -> EngineDescription:
        with self._lock:
            if self._description is None:
                raise EngineUnavailableError("The model was just loaded. Ask again.")
            return replace(self._description, num_waiting=len(self._waiting))

    def _receive(self, connection: Connection, request: Generate) -> None:
        with self._lock:
            description = self._description
            if description is not None:
                check_model(request.model, description.model)
                if len(self._waiting) >= self._queue_limit:
                    raise QueueFullError(_RETRY_AFTER_S)
                self._waiting.add(connection)
        if description is None:  # it found this address a moment before it led to the engine
            connection.send(Moved())
            return
        connection.send(Waking(model=description.model, fraction=description.waking or 0.0))
        with contextlib.suppress(BlockingIOError):
            os.write(self._knock_send, b"\0")

    def _on_close(self, connection: Connection) -> None:
        with self._lock:
            self._waiting.discard(connection)
