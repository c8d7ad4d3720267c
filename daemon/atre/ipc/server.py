# SPDX-License-Identifier: Apache-2.0
import contextlib
import logging
import os
import selectors
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from atre.errors import InvalidRequestError
from atre.ipc.failure import failure
from atre.ipc.frame import FrameReader, encode_frame
from atre.ipc.message import Message

_log = logging.getLogger(__name__)

_BACKLOG = 256
_RECV_BYTES = 65536
# A peer that does not read this much of its answer is treated as gone: the text of the longest
# answer is far smaller, so only a stuck peer gets here.
_MAX_UNREAD_BYTES = 8 * 1024 * 1024


class Connection:
    """One peer. ``send`` may be called from any thread and never blocks."""

    def __init__(self, peer: socket.socket, on_unsent: "Callable[[Connection], None]") -> None:
        self._peer = peer
        self._on_unsent = on_unsent
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._closed = False
        self.frames = FrameReader()

    def fileno(self) -> int:
        return self._peer.fileno()

    def send(self, message: Message) -> None:
        """Send now what the socket takes; the server's thread sends the rest."""
        frame = encode_frame(message)
        with self._lock:
            if self._closed:
                return
            was_empty = not self._unsent
            self._unsent += frame
            if was_empty:
                self._flush()
            if not self._unsent:
                return
            if len(self._unsent) > _MAX_UNREAD_BYTES:
                self._peer.shutdown(socket.SHUT_RDWR)
        self._on_unsent(self)

    def flush(self) -> bool:
        """Send more of what is unsent; True when nothing is left."""
        with self._lock:
            self._flush()
            return not self._unsent

    def receive(self) -> bytes:
        """Return the bytes that wait, b"" when the peer is gone."""
        try:
            return self._peer.recv(_RECV_BYTES)
        except ConnectionError:
            return b""

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._unsent.clear()
            self._peer.close()

    def _flush(self) -> None:
        while self._unsent:
            try:
                sent = self._peer.send(self._unsent)
            except BlockingIOError:
                return
            except OSError:  # the peer left; the server's thread sees it and reports it
                self._unsent.clear()
                return
            del self._unsent[:sent]


class Server:
    """Listens on a unix socket in one thread and hands over whole frames.

    ``on_frame(connection, body)`` and ``on_close(connection)`` run in that thread: they must be
    quick. ``on_close`` runs once for every connection that the peer ended.
    """

    def __init__(
        self,
        socket_path: Path,
        on_frame: Callable[[Connection, bytes], None],
        on_close: Callable[[Connection], None],
    ) -> None:
        self._socket_path = socket_path
        self._on_frame = on_frame
        self._on_close = on_close
        self._selector = selectors.DefaultSelector()
        self._listener = _listen(socket_path)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake_receive, self._wake_send = os.pipe()
        os.set_blocking(self._wake_receive, False)
        os.set_blocking(self._wake_send, False)
        self._selector.register(self._wake_receive, selectors.EVENT_READ)
        self._to_flush: set[Connection] = set()
        self._connections: set[Connection] = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"ipc-{socket_path.stem}")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop listening, drop every connection and remove the socket file."""
        self._stopping = True
        self._wake()
        self._thread.join()
        for connection in list(self._connections):
            connection.close()
        self._selector.close()
        self._listener.close()
        os.close(self._wake_receive)
        os.close(self._wake_send)
        self._socket_path.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._stopping:
            for key, events in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj == self._wake_receive:
                    self._watch_unsent()
                else:
                    self._serve(key.data, events)

    def _accept(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except OSError as error:  # out of file descriptors, or the peer left already: accept(2)
            _log.warning("a connection could not be accepted: %s", error)
            return
        peer.setblocking(False)
        connection = Connection(peer, self._request_flush)
        self._connections.add(connection)
        self._selector.register(connection, selectors.EVENT_READ, connection)

    def _serve(self, connection: Connection, events: int) -> None:
        if events & selectors.EVENT_WRITE and connection.flush():
            self._selector.modify(connection, selectors.EVENT_READ, connection)
        if not events & selectors.EVENT_READ:
            return
        data = connection.receive()
        if not data:
            self._drop(connection)
            return
        try:
            for body in connection.frames.feed(data):
                self._on_frame(connection, body)
        except InvalidRequestError as error:
            connection.send(failure(error))
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._selector.unregister(connection)
        self._on_close(connection)
        connection.close()

    def _request_flush(self, connection: Connection) -> None:
        self._to_flush.add(connection)
        self._wake()

    def _watch_unsent(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_receive, _RECV_BYTES)
        while self._to_flush:
            connection = self._to_flush.pop()
            if connection in self._connections:
                both = selectors.EVENT_READ | selectors.EVENT_WRITE
                self._selector.modify(connection, both, connection)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_send, b"\0")


def _listen(socket_path: Path) -> socket.socket:
    socket_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket_path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(socket_path))
    socket_path.chmod(0o600)
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener
