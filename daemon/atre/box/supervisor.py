# SPDX-License-Identifier: Apache-2.0
import logging
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from atre.backend_libraries import HIDING_VARIABLES
from atre.box.child_log import ChildLog
from atre.box.own_unit import UnitProcess

_log = logging.getLogger(__name__)

_RESTART_DELAYS_S = (0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
_STABLE_S = 60.0  # a child that lived this long starts again from the shortest delay
_STOP_TIMEOUT_S = 10.0  # then the child is killed
_NOTIFICATION_BYTES = 4096


Process = subprocess.Popen[bytes] | UnitProcess


class HasFileno(Protocol):
    """What ``select`` can wait for."""

    def fileno(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A process to keep running; it ends when its standard input closes.

    ``door`` is the socket of the systemd unit that it runs in, None for a child of our own.
    """

    name: str
    argv: Sequence[str]
    door: Path | None = None


@dataclass(slots=True, eq=False)
class _Child:
    spec: ChildSpec
    notifications: socket.socket
    process: Process | None = None
    started_s: float = 0.0
    restart_at_s: float | None = None
    num_failures: int = 0
    is_ready: bool = False
    told: dict[str, str] = field(default_factory=dict)


class Supervisor:
    """Starts processes, hears when they are ready (sd_notify(3)), restarts those that die.

    One loop, in the main thread: ``run`` returns after SIGTERM or SIGINT, ``close`` then stops the
    children in the reverse order of their start.
    """

    def __init__(
        self, runtime_dir: Path, on_change: Callable[[str], None], *, logs_dir: Path
    ) -> None:
        """``on_change`` is called with a child's name each time it has become ready or ended.

        What a child writes to standard error is kept in ``logs_dir``, see ``ChildLog``.
        """
        self._runtime_dir = runtime_dir
        self._logs_dir = logs_dir
        self._on_change = on_change
        self._children: dict[str, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._signals_receive, self._signals_send = os.pipe()
        os.set_blocking(self._signals_receive, False)
        os.set_blocking(self._signals_send, False)
        self.watch(self._signals_receive, self._handle_signals)
        signal.set_wakeup_fd(self._signals_send, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)

    def start(self, spec: ChildSpec) -> None:
        """Start a process and keep it running."""
        address = self._runtime_dir / f"notify-{spec.name}.sock"
        address.unlink(missing_ok=True)
        notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notifications.bind(str(address))
        notifications.setblocking(False)
        child = _Child(spec, notifications)
        self._children[spec.name] = child
        self.watch(notifications, lambda: self._hear(child))
        self._spawn(child)

    def stop(self, name: str) -> None:
        """End a process and forget it; nothing happens if there is none of that name.

        Not from within ``on_change``: the process may be the one that it was called for.
        """
        child = self._children.pop(name, None)
        if child is not None:
            self._end(child)

    def restart(self, name: str) -> None:
        """End a process and start it again at once; nothing happens if there is none of that name.

        Not from within ``on_change``, as ``stop``.
        """
        child = self._children.get(name)
        if child is None:
            return
        self._end_process(child)
        child.is_ready = False
        child.num_failures = 0
        self._spawn(child)

    def watch(self, readable: HasFileno | int, on_readable: Callable[[], None]) -> None:
        """Call ``on_readable`` from the loop whenever there is something to read."""
        self._selector.register(readable, selectors.EVENT_READ, on_readable)

    def is_ready(self, name: str) -> bool:
        return name in self._children and self._children[name].is_ready

    def told(self, name: str, key: str) -> str | None:
        """What the process last said of ``key`` since it was started, None for nothing."""
        return self._children[name].told.get(key) if name in self._children else None

    def has_started(self, name: str) -> bool:
        return name in self._children

    def num_failures(self, name: str) -> int:
        """How often the process ended in a row, without a minute's work between."""
        return self._children[name].num_failures if name in self._children else 0

    def run(self, tick: Callable[[], float | None] = lambda: None) -> None:
        """Supervise until a signal asks to stop.

        ``tick`` is called after everything that happened; it says after how many seconds it wants
        to be called all the same, or None.
        """
        tick_s = tick()
        while not self._stopping:
            waits = [
                wait_s for wait_s in (tick_s, self._until_next_restart_s()) if wait_s is not None
            ]
            for key, _ in self._selector.select(min(waits, default=None)):
                key.data()
            self._restart_due()
            tick_s = tick()

    def finish(self) -> None:
        """Have ``run`` return, as after a signal."""
        self._stopping = True

    def close(self) -> None:
        """Stop the children, last started first, and forget them."""
        for child in reversed(self._children.values()):
            self._end(child)
        self._children.clear()
        signal.set_wakeup_fd(-1)
        self._selector.close()
        os.close(self._signals_receive)
        os.close(self._signals_send)

    def _end(self, child: _Child) -> None:
        self._end_process(child)
        self._selector.unregister(child.notifications)
        child.notifications.close()
        (self._runtime_dir / f"notify-{child.spec.name}.sock").unlink(missing_ok=True)

    def _end_process(self, child: _Child) -> None:
        process = child.process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            name = child.spec.name
            _log.warning("%s did not stop in %.0f s; killing it.", name, _STOP_TIMEOUT_S)
            process.kill()
            process.wait(_STOP_TIMEOUT_S)
        self._let_go(process)

    def _let_go(self, process: Process) -> None:
        if isinstance(process, UnitProcess):
            self._selector.unregister(process)
            process.close()
        elif process.stdin:
            process.stdin.close()

    def _spawn(self, child: _Child) -> None:
        address = self._runtime_dir / f"notify-{child.spec.name}.sock"
        child.restart_at_s = None
        child.started_s = time.monotonic()
        child.told = {}
        log = ChildLog(self._logs_dir, child.spec.name)
        if child.spec.door:
            child.process = self._spawn_in_unit(child, child.spec.door, str(address))
            log.write(b"started in its own unit")
        else:
            child.process = _spawn_here(child.spec, str(address))
            log.write(f"started as process {child.process.pid}".encode())
        if child.process.stderr:
            log.follow(child.process.stderr)

    def _spawn_in_unit(self, child: _Child, door: Path, address: str) -> UnitProcess:
        # What was found out about this machine's drivers is said in variables of theirs.
        environment = {name: os.environ[name] for name in HIDING_VARIABLES if name in os.environ}
        process = UnitProcess(door, child.spec.argv, environment | {"NOTIFY_SOCKET": address})
        self.watch(process, lambda: self._look_after(child))
        return process

    def _look_after(self, child: _Child) -> None:
        if child.process and child.process.poll() is not None:
            self._bury(child, child.process)

    def _handle_signals(self) -> None:
        numbers = os.read(self._signals_receive, _NOTIFICATION_BYTES)
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stopping = True
            return
        for child in list(self._children.values()):
            self._look_after(child)

    def _bury(self, child: _Child, process: Process) -> None:
        now_s = time.monotonic()
        if now_s - child.started_s > _STABLE_S:
            child.num_failures = 0
        delay_s = restart_delay_s(child.num_failures)
        child.num_failures += 1
        child.is_ready = False
        how = _describe(process)
        self._let_go(process)
        child.process = None
        child.restart_at_s = now_s + delay_s
        ChildLog(self._logs_dir, child.spec.name).write(f"ended ({how})".encode())
        _log.error("%s ended (%s); restarting it.", child.spec.name, how)
        self._on_change(child.spec.name)

    def _hear(self, child: _Child) -> None:
        try:
            message = child.notifications.recv(_NOTIFICATION_BYTES)
        except BlockingIOError:
            return
        lines = message.decode("utf-8", "replace").split("\n")
        child.told |= {key: value for key, _, value in (line.partition("=") for line in lines)}
        if "READY=1" in lines and not child.is_ready:
            child.is_ready = True
            self._on_change(child.spec.name)

    def _restart_due(self) -> None:
        now_s = time.monotonic()
        for child in self._children.values():
            if child.restart_at_s is not None and child.restart_at_s <= now_s:
                self._spawn(child)

    def _until_next_restart_s(self) -> float | None:
        times = [c.restart_at_s for c in self._children.values() if c.restart_at_s is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None


def restart_delay_s(num_failures: int) -> float:
    """How long to wait before the next start, after ``num_failures`` deaths in a row."""
    return _RESTART_DELAYS_S[min(num_failures, len(_RESTART_DELAYS_S) - 1)]


def _spawn_here(spec: ChildSpec, address: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        spec.argv,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"NOTIFY_SOCKET": address},
        start_new_session=True,  # Ctrl-C in the terminal goes to us, who stop them in order
    )


def _describe(process: Process) -> str:
    if isinstance(process, UnitProcess):
        return "the journal of its unit says how"
    code = process.returncode
    return f"signal {-code}" if code < 0 else f"exit status {code}"
