# SPDX-License-Identifier: Apache-2.0
"""A cable from an emulated machine to an office PC, which is a network namespace.

QEMU's frames, each after its length in four bytes, against a packet socket on one end of a pair of
virtual Ethernet devices; the other end is the PC's.
"""

import contextlib
import select
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.integration.namespaces import Cable, within

_ETH_P_ALL = 3  # packet(7)
_LONGEST_FRAME = 65536
_HEADER = struct.Struct(">I")
_PC_ADDRESS = "169.254.77.1/16"  # what both ends take where nobody gives addresses (RFC 3927)


@contextmanager
def office_pc(path: Path) -> Iterator[list[str]]:
    """The beginning of a command that runs on the PC; QEMU connects to the socket ``path``."""
    with ExitStack() as stack:
        cable = stack.enter_context(Cable("image"))
        for setting in (
            # Checksums are left to a device that is not there: the frames leave by a socket.
            ["ethtool", "-K", "eth0", "tx", "off"],
            ["ip", "address", "add", _PC_ADDRESS, "dev", "eth0"],
        ):
            subprocess.run([*cable.in_peer(), *setting], check=True, capture_output=True)
        frames = stack.enter_context(within(cable.box, _packet_socket))
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listener.bind(str(path))
        listener.listen()
        stop, stopped = socket.socketpair()
        stack.enter_context(stopped)
        carrier = threading.Thread(target=_carry, args=(listener, frames, stopped))
        carrier.start()
        stack.callback(carrier.join)
        stack.callback(stop.close)
        yield cable.in_peer()


def _packet_socket() -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    made.bind(("eth0", 0))
    return made


def _carry(listener: socket.socket, frames: socket.socket, stopped: socket.socket) -> None:
    """Carry frames both ways for one machine after the other, until ``stopped`` is closed."""
    plug = _Plug(frames)
    while True:
        watched = [listener, frames, stopped, *plug.watched()]
        ready, _, _ = select.select(watched, [], [])
        if stopped in ready:
            break
        if listener in ready:
            plug.plug_in(listener.accept()[0])
        elif frames in ready:
            plug.to_machine(frames.recv(_LONGEST_FRAME))
        else:
            plug.from_machine()
    plug.pull()


class _Plug:
    """The machine's end of the cable; nothing may be plugged in."""

    def __init__(self, frames: socket.socket) -> None:
        self._frames = frames
        self._machine: socket.socket | None = None
        self._rest = b""

    def watched(self) -> list[socket.socket]:
        return [self._machine] if self._machine else []

    def plug_in(self, machine: socket.socket) -> None:
        self.pull()
        self._machine, self._rest = machine, b""

    def pull(self) -> None:
        if self._machine:
            self._machine.close()
            self._machine = None

    def to_machine(self, frame: bytes) -> None:
        if self._machine:
            with contextlib.suppress(OSError):  # it was switched off
                self._machine.sendall(_HEADER.pack(len(frame)) + frame)

    def from_machine(self) -> None:
        """Pass on the frames that are whole."""
        got = b""
        if self._machine:
            with contextlib.suppress(OSError):
                got = self._machine.recv(_LONGEST_FRAME)
        if not got:
            self.pull()
        self._rest += got
        while len(self._rest) >= _HEADER.size:
            (size,) = _HEADER.unpack_from(self._rest)
            end = _HEADER.size + size
            if len(self._rest) < end:
                break
            with contextlib.suppress(OSError):  # one that is too long, say
                self._frames.send(self._rest[_HEADER.size : end])
            self._rest = self._rest[end:]
