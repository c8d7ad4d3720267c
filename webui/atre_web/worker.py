# SPDX-License-Identifier: Apache-2.0
"""gunicorn's threaded worker, for which no client can hold up the others for long."""

import contextlib
import os
import socket
import ssl
import sys
import time
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

# How long a client blocks a thread with half a handshake or half a request, or by not reading what
# it asked for; a phone that changes networks takes a few seconds. SO_RCVTIMEO would not end a
# handshake: Python's ssl tries again for as long as the socket itself has no time limit.
PATIENCE_S = 20.0

# Of the grace that answers get when the box stops, what is kept for telling those who are still
# being answered that they will not be. A stopping worker looks at its clock every second.
_LAST_WORDS_S = 2.0


class _Patient:
    """A socket that is "blocking" no longer than ``PATIENCE_S``."""

    def setblocking(self: Any, flag: bool) -> None:  # noqa: FBT001 -- as in the standard library
        self.settimeout(PATIENCE_S if flag else 0.0)


class PatientSocket(_Patient, socket.socket):
    """For connections in clear."""


class PatientTlsSocket(_Patient, ssl.SSLSocket):
    """For connections in TLS: ``SSLContext.sslsocket_class``."""


class Worker(ThreadWorker):  # type: ignore[misc]
    """Limits how long each connection may keep its thread, and the main thread not at all.

    A request's ``environ["atre.ipc.closing"]`` is a file descriptor that is readable as soon as the
    worker is about to end, whatever was answered by then.
    """

    wsgi: Any
    _closing_s: float | None = None

    def load_wsgi(self) -> None:
        super().load_wsgi()
        app = self.wsgi
        closing, self._say_closing = os.pipe()

        def wsgi(environ: dict[str, Any], start_response: Any) -> Any:
            environ["atre.ipc.closing"] = closing
            return app(environ, start_response)

        self.wsgi = wsgi

    def notify(self) -> None:
        """Called at least every second, while stopping too."""
        super().notify()
        if self.alive:
            return
        if self._closing_s is None:
            self._closing_s = time.monotonic() + self.cfg.graceful_timeout - _LAST_WORDS_S
        if time.monotonic() >= self._closing_s:
            os.write(self._say_closing, b"\0")

    def handle(self, conn: Any) -> Any:
        if not conn.initialized and not isinstance(conn.sock, PatientSocket):
            conn.sock = PatientSocket(fileno=conn.sock.detach())
        outcome = super().handle(conn)
        if outcome is False:
            # gunicorn would wait in its only accepting thread for this client to close.
            with contextlib.suppress(OSError):
                conn.close(graceful=True)
            conn.close = _closed_already
        return outcome


class QuietLogger(Logger):  # type: ignore[misc]
    """Says nothing of a client whose time ran out: it is not the box that failed."""

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if not isinstance(sys.exc_info()[1], TimeoutError):
            super().exception(msg, *args, **kwargs)


def _closed_already(*, graceful: bool = False) -> None:
    del graceful
