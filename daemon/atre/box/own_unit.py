# SPDX-License-Identifier: Apache-2.0
"""A process that systemd starts for the box in a unit of its own, with rights of its own.

The box connects to the unit's socket (``Accept=yes``), and systemd starts one instance for the
connection. That is the process's standard input: it ends when the box closes it, as any child of
the box does. ``atre.box.unit_entry`` is its other end.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

_CONNECT_TIMEOUT_S = 2.0
_PID_BYTES = 32


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to run there: ``PYTHON -m MODULE …``, and what is set in its environment."""

    argv: list[str]
    environment: dict[str, str]


class UnitProcess:
    """Is asked what ``subprocess.Popen`` is asked, as far as a supervisor needs it.

    Readable once there is news. How it ended only its unit knows, so ``returncode`` is 1 then. A
    unit that cannot be reached is a process that ended at once.
    """

    def __init__(self, door: Path, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self.pid: int | None = None
        self.returncode: int | None = None
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.settimeout(_CONNECT_TIMEOUT_S)
        reading, writing = os.pipe()
        self.stderr = os.fdopen(reading, "rb")
        order = msgspec.json.encode(Order(list(argv), dict(environment)))
        try:
            self._connection.connect(str(door))
            socket.send_fds(self._connection, [order], [writing])
        except OSError as error:
            os.write(writing, f"{door} does not start it: {error}\n".encode())
            self._connection.close()
            self._connection, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            other.close()
        finally:
            os.close(writing)
        self._connection.setblocking(False)

    def fileno(self) -> int:
        return self._connection.fileno()

    def poll(self) -> int | None:
        """None while it runs."""
        while self.returncode is None:
            try:
                said = self._connection.recv(_PID_BYTES)
            except BlockingIOError:
                break
            except OSError:
                said = b""
            if said:
                self.pid = int(said)
            else:
                self.returncode = 1
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Raises subprocess.TimeoutExpired."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            while self.poll() is None:
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired("a process in its own unit", timeout)
        return self.returncode or 0

    def terminate(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """It runs as the same user, so that the box may."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self._connection.close()
