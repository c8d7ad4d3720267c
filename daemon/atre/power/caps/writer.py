# SPDX-License-Identifier: Apache-2.0
"""The process that may change limits of power (``python -P -m atre.power.caps.writer``).

It knows two orders, from one user and one connection: set caps, within what was set before and the
least that the hardware takes, and put them back. It puts them back by itself when that connection
ends or is silent, when it ends, and at its start. It reads no energy counter.
"""

import argparse
import contextlib
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

from atre.ipc.cap_messages import CapRequest, SetCaps
from atre.power.caps.cap import Cap
from atre.power.caps.energy_preference import energy_preferences
from atre.power.caps.holder import CapHolder
from atre.power.caps.nvidia_limit import load_nvml, nvidia_limits
from atre.power.caps.rapl_limit import rapl_limits
from atre.power.user_socket import listen, may_speak
from atre.system.notify import notify

MAX_PACKET_BYTES = 65536
# ``atred`` asks every five seconds; one that hangs must not hold a machine slow.
_SILENT_S = 30.0
_RETRY_S = 60.0


class CapWriter:
    """Obeys one connection at a time of ``user``; ``silent_s`` ends one that says nothing."""

    def __init__(
        self,
        holder: CapHolder,
        server: socket.socket,
        user: str | None,
        silent_s: float = _SILENT_S,
    ) -> None:
        self._holder, self._server, self._user = holder, server, user
        self._silent_s = silent_s

    def run(self) -> None:
        """Serve until the process ends."""
        while True:
            # What could not be put back is tried again while nobody asks.
            ready, _, _ = select.select([self._server], [], [], _RETRY_S)
            if ready:
                self.serve_one()
            self._holder.restore()

    def serve_one(self) -> None:
        """Obey the next connection until it ends."""
        with contextlib.suppress(OSError):
            peer, _ = self._server.accept()
            with peer:
                peer.settimeout(self._silent_s)
                if may_speak(peer, self._user):
                    self._obey(peer)

    def _obey(self, peer: socket.socket) -> None:
        """Raises OSError when the connection ends badly."""
        while packet := peer.recv(MAX_PACKET_BYTES):
            try:
                request = msgspec.json.decode(packet, type=CapRequest)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return
            if isinstance(request, SetCaps):
                states = self._holder.hold(request.values)
            else:
                states = self._holder.restore()
            peer.send(msgspec.json.encode(states))


def file_caps(root: Path) -> list[Cap]:
    """The caps that are files of the kernel's."""
    return [*rapl_limits(root), *energy_preferences(root)]


def _finder(root: Path, *, nvidia: bool) -> Callable[[], Sequence[Cap]]:
    """Raises OSError where NVIDIA's library cannot be used."""
    if not nvidia:
        return lambda: file_caps(root)
    library = load_nvml()
    return lambda: nvidia_limits(library)


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def main() -> None:
    """Hold caps of the machine below ``--root``, or of NVIDIA's cards, for ``--user``."""
    parser = argparse.ArgumentParser(prog="atre.power.caps.writer", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/"))
    parser.add_argument("--nvidia", action="store_true", help="NVIDIA's cards, and nothing else")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True, help="what was set before")
    parser.add_argument("--user", help="who may ask, beside root and this process's user")
    arguments = parser.parse_args()
    try:
        holder = CapHolder(_finder(arguments.root, nvidia=arguments.nvidia), arguments.state)
        holder.restore()
        server = listen(arguments.socket)
    except OSError as error:
        parser.error(f"cannot begin: {error}; are the folders and the driver there?")
    signal.signal(signal.SIGTERM, _end)
    notify("READY=1")
    try:
        CapWriter(holder, server, arguments.user).run()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        holder.restore()


if __name__ == "__main__":
    main()
