# SPDX-License-Identifier: Apache-2.0
"""A LAN made of network namespaces: one holds a bridge, the others are machines plugged into it."""

import asyncio
import ctypes
import itertools
import os
import re
import select
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Self, TypeVar

T = TypeVar("T")

# An upper bound for what takes milliseconds to seconds on an idle machine.
PATIENCE_S = 30.0

_CLONE_NEWNET = 0x40000000  # sched(7)
_names = itertools.count()


def ip(*args: str) -> None:
    subprocess.run(("ip", *args), check=True, capture_output=True, timeout=PATIENCE_S)


class Lines:
    """A child process and what it prints, read line by line as it comes."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self.command = command
        self.seen: list[str] = []
        self._rest = b""
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
        )

    def wait_for(self, wanted: Callable[[str], bool], timeout_s: float = PATIENCE_S) -> str:
        """The first line not yet waited for that is wanted; fails the test if none comes."""
        deadline = time.monotonic() + timeout_s
        while (line := self._next(deadline)) is not None:
            self.seen.append(line)
            if wanted(line):
                return line
        raise AssertionError(f"{self.command} did not print what was expected:\n" + self.text())

    def text(self) -> str:
        return "\n".join(self.seen)

    def terminate(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()

    def stop(self) -> None:
        self.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._stdout.close()

    @property
    def _stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def _next(self, deadline: float) -> str | None:
        while b"\n" not in self._rest:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([self._stdout], [], [], left_s)[0]:
                return None
            data = os.read(self._stdout.fileno(), 65536)
            if not data:
                return None
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace")


class Browser:
    """What ``avahi-browse`` prints, waited for line by line."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def appears(self, instance: str) -> list[str]:
        """Wait until the instance is resolved over IPv4; returns the fields of avahi-browse -p."""
        return self._wait_for("=", instance).split(";")

    def disappears(self, instance: str) -> None:
        self._wait_for("-", instance)

    def lost(self, instance: str) -> bool:
        """Whether the instance went, over IPv4, before what was waited for last."""
        return any(
            line.startswith("-;eth0;IPv4;") and instance_of(line) == instance
            for line in self._lines.seen
        )

    def _wait_for(self, mark: str, instance: str) -> str:
        start = f"{mark};eth0;IPv4;"
        return self._lines.wait_for(
            lambda line: line.startswith(start) and instance_of(line) == instance
        )


class Machine:
    """One namespace with an interface ``eth0`` on the LAN."""

    def __init__(
        self, namespace: str, address: str, directory: Path, children: list[Lines]
    ) -> None:
        self.namespace = namespace
        self.address = address
        self.directory = directory
        self.bus_address: str | None = None
        self._children = children

    def start(self, *command: str, **options: Any) -> Lines:
        """Run a program on this machine until the end of the test."""
        env = dict(os.environ)
        if self.bus_address is not None:
            env["DBUS_SYSTEM_BUS_ADDRESS"] = self.bus_address
        else:
            # Not the bus of the machine that runs the tests.
            env["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={self.directory / 'no-bus'}"
        env["PYTHONUNBUFFERED"] = "1"
        lines = Lines(["ip", "netns", "exec", self.namespace, *command], env=env, **options)
        self._children.append(lines)
        return lines

    def ip(self, *args: str) -> None:
        ip("-n", self.namespace, *args)

    def browse(self, service_type: str = "_ai-gateway._tcp") -> "Browser":
        """A real ``avahi-browse`` that keeps browsing; this machine must run Avahi."""
        return Browser(self.start("avahi-browse", "--resolve", "--parsable", service_type))

    def resolves(self, host: str, address: str) -> None:
        """Wait until Avahi here says that ``host`` is at ``address``; else fail the test."""
        deadline = time.monotonic() + PATIENCE_S
        option = "-6" if ":" in address else "-4"
        while time.monotonic() < deadline:
            answer = self.start("avahi-resolve-host-name", "-n", option, host)
            answer.process.wait(PATIENCE_S)
            if answer.wait_for(lambda _line: True).split() == [host, address]:
                return
        raise AssertionError(f"{host} does not resolve to {address}")

    def start_avahi(self, host: str, finally_host: str | None = None) -> Lines:
        """A real avahi-daemon with a D-Bus of its own, once it answers for its host name.

        That is ``host``, or ``finally_host`` where somebody already has the former.
        """
        return self.wait_for_avahi(self.begin_avahi(host), finally_host or host)

    def begin_avahi(self, host: str) -> Lines:
        """The same, but not waited for."""
        if self.bus_address is None:
            self.start_bus()
        config = self.directory / "avahi.conf"
        config.write_text(f"[server]\nhost-name={host}\nuse-ipv6=yes\n[publish]\n")
        # Its runtime directory is fixed at compile time, hence the mount namespace.
        script = (
            "mount -t tmpfs tmpfs /run && mkdir /run/avahi-daemon && "
            'exec avahi-daemon --no-drop-root --no-chroot -f "$1"'
        )
        return self.start("unshare", "-m", "sh", "-c", script, "sh", str(config))

    def wait_for_avahi(self, daemon: Lines, host: str) -> Lines:
        daemon.wait_for(lambda line: f"Host name is {host}.local" in line)
        return daemon

    def start_bus(self) -> None:
        """A D-Bus system bus for what is started on this machine from now on."""
        config = self.directory / "bus.conf"
        socket_path = self.directory / "bus"
        config.write_text(
            "<busconfig><type>system</type>"
            f"<listen>unix:path={socket_path}</listen><auth>EXTERNAL</auth>"
            '<policy context="default"><allow user="*"/><allow own="*"/>'
            '<allow send_type="method_call"/><allow send_type="signal"/>'
            '<allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>'
        )
        bus = self.start("dbus-daemon", "--nofork", "--print-address", f"--config-file={config}")
        bus.wait_for(lambda line: line.startswith("unix:"))
        self.bus_address = f"unix:path={socket_path}"


class Lan:
    """A bridge and the machines plugged into it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = ExitStack()
        self._children: list[Lines] = []
        self._addresses = itertools.count(1)
        self._bridge = ""

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self._stack.close)
            self._bridge = self._namespace()
            ip("-n", self._bridge, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
            ip("-n", self._bridge, "link", "set", "br0", "up")
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        # All at once: each takes its time to say goodbye.
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.stop()
        self._stack.close()

    def machine(self, *, link_local: bool = True) -> Machine:
        """A new machine, at the next address of 10.77.0.0/24 and fd77::/64.

        Its link-local address appears a second later, unless it is to have none.
        """
        namespace = self._namespace()
        directory = self._directory / namespace
        directory.mkdir()
        ip("-n", namespace, "link", "set", "lo", "up")
        address = self.plug(namespace, "eth0", link_local=link_local)
        return Machine(namespace, address, directory, self._children)

    def plug(self, namespace: str, interface: str, *, link_local: bool = True) -> str:
        """Give a namespace one more interface on this LAN; returns its IPv4 address."""
        number = next(self._addresses)
        port = f"port{number}"
        ip("link", "add", interface, "netns", namespace, "type", "veth", "peer", port, "netns",
           self._bridge)  # fmt: skip
        ip("-n", self._bridge, "link", "set", port, "master", "br0", "up")
        mode = "eui64" if link_local else "none"
        ip("-n", namespace, "link", "set", interface, "addrgenmode", mode)
        ip("-n", namespace, "link", "set", interface, "up")
        ip("-n", namespace, "address", "add", f"10.77.0.{number}/24", "dev", interface)
        # nodad: usable at once, without the second of waiting for duplicates.
        ip("-n", namespace, "address", "add", f"fd77::{number}/64", "dev", interface, "nodad")
        return f"10.77.0.{number}"

    def _namespace(self) -> str:
        name = f"atre-test-{os.getpid()}-{next(_names)}"
        ip("netns", "add", name)
        self._stack.callback(ip, "netns", "delete", name)
        return name


class NamespaceLoop:
    """An asyncio loop in a thread that has moved into a namespace (setns(2))."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    def call(self, function: Callable[[], T]) -> T:
        async def call() -> T:
            return function()

        return self.run(call())

    def _run(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/run/netns/{self._namespace}").open("rb") as namespace:
            if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        self._loop.run_forever()


def instance_of(line: str) -> str:
    """The instance name in a line of ``avahi-browse -p``, which escapes bytes as ``\\DDD``."""
    escaped = line.split(";")[3].encode()
    return re.sub(rb"\\(\d{3})", lambda found: bytes((int(found[1]),)), escaped).decode()
