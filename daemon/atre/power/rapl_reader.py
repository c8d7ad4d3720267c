# SPDX-License-Identifier: Apache-2.0
"""The one process that may read the processor's energy counters (``-m atre.power.rapl_reader``).

Finer readings betray what other programs compute (PLATYPUS, CVE-2020-8694), so the kernel keeps the
counters from ordinary users. This process sends one averaged value a second, as packets on a unix
socket, to one user; it takes no orders, and whoever sends it anything is dropped.
"""

import argparse
import select
import socket
import time
from pathlib import Path

import msgspec

from atre.hardware.tree import Tree
from atre.power.samplers.rapl import RaplFiles
from atre.power.samplers.rapl_socket import SOCKET
from atre.power.user_socket import listen, may_speak
from atre.system.notify import notify

_PERIOD_S = 1.0  # not a setting: it is what keeps the counters' secret
_MAX_LISTENERS = 8


class RaplReader:
    """Sends what the counters say, once a second, to listeners of the users in ``uids``."""

    def __init__(self, counters: RaplFiles, server: socket.socket, user: str | None) -> None:
        self._counters, self._server, self._user = counters, server, user
        self._listeners: list[socket.socket] = []

    def run(self) -> None:
        """Serve until the process ends."""
        next_s = time.monotonic()
        while True:
            self._meet_until(next_s)
            now_s = time.monotonic()
            self._send(msgspec.json.encode(self._counters.read(now_s)))
            # After a stop (SIGSTOP, a busy machine) the beat begins anew: never two at once.
            next_s = now_s + _PERIOD_S

    def _meet_until(self, deadline_s: float) -> None:
        """Accept listeners and drop those that end or speak, until the time of the clock."""
        while (wait_s := deadline_s - time.monotonic()) > 0:
            ready, _, _ = select.select([self._server, *self._listeners], [], [], wait_s)
            for one in ready:
                if one is self._server:
                    self._accept()
                else:
                    self._drop(one)

    def _accept(self) -> None:
        try:
            listener, _ = self._server.accept()
        except OSError:
            return
        if len(self._listeners) >= _MAX_LISTENERS or not may_speak(listener, self._user):
            listener.close()
            return
        listener.setblocking(False)
        self._listeners.append(listener)

    def _send(self, packet: bytes) -> None:
        for listener in list(self._listeners):
            try:
                listener.send(packet)
            except BlockingIOError:
                continue  # it does not listen now: what it misses stays in the next sum
            except OSError:
                self._drop(listener)

    def _drop(self, listener: socket.socket) -> None:
        self._listeners.remove(listener)
        listener.close()


def main() -> None:
    """Read the counters below ``--root`` and tell them to ``--user`` at ``--socket``."""
    parser = argparse.ArgumentParser(prog="atre.power.rapl_reader", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/"))
    parser.add_argument("--socket", type=Path, default=SOCKET)
    parser.add_argument("--user", help="who may listen, beside root and this process's user")
    arguments = parser.parse_args()
    try:
        server = listen(arguments.socket, _MAX_LISTENERS)
    except OSError as error:
        parser.error(f"cannot listen at {arguments.socket}: {error.strerror}; is the folder there?")
    notify("READY=1")
    RaplReader(RaplFiles(Tree(arguments.root)), server, arguments.user).run()


if __name__ == "__main__":
    main()
