# SPDX-License-Identifier: Apache-2.0
import contextlib
import logging
import socket
import threading
import time
from pathlib import Path

import msgspec

from atre.errors import EngineUnavailableError, InvalidRequestError
from atre.ipc.frame import FrameReader, encode_frame
from atre.ipc.messages import Failed
from atre.ipc.peer import Peer
from atre.ipc.work_messages import WatchWork, WorkDone
from atre.power.ledger import EnergyLedger

_log = logging.getLogger(__name__)

_PERIOD_S = 1.0
_RECV_BYTES = 65536

_decoder = msgspec.msgpack.Decoder(WorkDone | Failed)


class WorkWatch:
    """Hears the engine's records for the ledger in a thread, and comes back when it is lost.

    An engine without a model, or one that sleeps, refuses; it is asked again every second.
    """

    def __init__(self, engine_socket: Path, ledger: EnergyLedger) -> None:
        self._peer = Peer(engine_socket, "engine", "moteur")
        self._ledger = ledger
        self._stop = threading.Event()
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="work-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(EngineUnavailableError, OSError):
                self._connection = self._peer.connect()
                with self._connection as connection:
                    self._hear(connection)
            self._ledger.lose()
            self._ledger.settle()
            self._stop.wait(_PERIOD_S)

    def _hear(self, connection: socket.socket) -> None:
        """Read until the engine is gone or refuses."""
        start, number = self._ledger.last
        connection.settimeout(_PERIOD_S)
        connection.sendall(encode_frame(WatchWork(start=start, after=number)))
        frames = FrameReader()
        settled_s = time.monotonic()
        while not self._stop.is_set():
            data: bytes | None
            try:
                data = connection.recv(_RECV_BYTES)
            except TimeoutError:
                data = None
                self._ledger.hear()
            if data == b"" or (data and not self._take(frames, data)):
                return
            if time.monotonic() - settled_s >= _PERIOD_S or data is None:
                self._ledger.settle()
                settled_s = time.monotonic()

    def _take(self, frames: FrameReader, data: bytes) -> bool:
        """Hand on what came; False if the engine refuses, or says what cannot be read."""
        try:
            for body in frames.feed(data):
                record = _decoder.decode(body)
                if isinstance(record, Failed):
                    return False
                self._ledger.add(record)
        except (msgspec.DecodeError, InvalidRequestError) as error:
            _log.warning("the engine's records of work cannot be read: %s", error)
            return False
        return True
