# SPDX-License-Identifier: Apache-2.0
"""Two machines joined by one cable: network namespaces and a veth pair (ip-netns(8), veth(4))."""

import ctypes
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TypeVar

BOX_ADDRESS, PEER_ADDRESS = "10.78.0.2", "10.78.0.1"
BOX_ADDRESS_6, PEER_ADDRESS_6 = "fd78::2", "fd78::1"

_CLONE_NEWNET = 0x40000000  # sched(7)
_TIMEOUT_S = 30

T = TypeVar("T")


def missing_part() -> str | None:
    """Why this machine cannot make namespaces, None if it can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "network namespaces need root"
    return None if shutil.which("ip") else "not installed: ip (package iproute2)"


class Cable:
    """``box`` and ``peer`` are names of namespaces; each has ``eth0`` and is the other's router.

    So whatever a program in ``box`` sends to any address, name servers included, reaches ``peer``.
    """

    def __init__(self, name: str) -> None:
        self.box = f"atre-{os.getpid()}-{name}-box"
        self.peer = f"atre-{os.getpid()}-{name}-peer"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self._stack.close)
            for namespace in (self.box, self.peer):
                _ip("netns", "add", namespace)
                self._stack.callback(_ip, "netns", "delete", namespace)
            _ip("link", "add", "eth0", "netns", self.box, "type", "veth",
                "peer", "eth0", "netns", self.peer)  # fmt: skip
            self._use_name_server()
            addresses = (BOX_ADDRESS, BOX_ADDRESS_6), (PEER_ADDRESS, PEER_ADDRESS_6)
            for namespace, own in zip((self.box, self.peer), addresses, strict=True):
                _plug_in(namespace, *own)
            for via in (PEER_ADDRESS, PEER_ADDRESS_6):
                _ip("-n", self.box, "route", "add", "default", "via", via)
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def in_box(self) -> list[str]:
        """The beginning of a command that runs the rest on the box's machine."""
        return ["ip", "netns", "exec", self.box]

    def in_peer(self) -> list[str]:
        return ["ip", "netns", "exec", self.peer]

    def connect(self, namespace: str, address: str, port: int) -> socket.socket:
        """A TCP connection that begins in ``namespace``; any thread may use it."""
        return within(namespace, lambda: socket.create_connection((address, port), _TIMEOUT_S))

    def _use_name_server(self) -> None:
        # ip-netns(8) mounts what it finds there over /etc for the commands that it runs.
        directory = Path("/etc/netns") / self.box
        directory.mkdir(parents=True)
        self._stack.callback(shutil.rmtree, directory)
        (directory / "resolv.conf").write_text(f"nameserver {PEER_ADDRESS}\n")


def within(namespace: str, make: Callable[[], T]) -> T:
    """What ``make`` returns in a thread that has moved into ``namespace`` (setns(2))."""
    made: list[T] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            _move_into(namespace)
            made.append(make())
        except Exception as error:  # noqa: BLE001 -- raised again in the caller's thread
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def _move_into(namespace: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/run/netns/{namespace}").open("rb") as opened:
        if libc.setns(opened.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def _plug_in(namespace: str, address: str, address_6: str) -> None:
    _ip("-n", namespace, "link", "set", "lo", "up")
    _ip("-n", namespace, "link", "set", "eth0", "up")
    _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
    # nodad: usable at once, without the second of waiting for duplicates.
    _ip("-n", namespace, "address", "add", f"{address_6}/64", "dev", "eth0", "nodad")


def _ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True, capture_output=True, timeout=_TIMEOUT_S)
