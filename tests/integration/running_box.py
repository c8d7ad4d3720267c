# SPDX-License-Identifier: Apache-2.0
"""A box started as people start it, by the command ``atre serve``, in a process of its own."""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

from atre.config import default_runtime_dir
from atre.ipc.client import EngineClient
from atre.ipc.messages import EngineDescription
from atre.space.reserve import reserve_path

# Upper bounds for what takes seconds; a busy machine is several times slower.
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0

_POLL_S = 0.02
_LAST_ANNOUNCED = "Ctrl-C to stop."
_FIRST_KEY = "  API key, shown this once: write it down: "
_CLAIM = "  Make the box yours (60 minutes): "


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def has_ended(process: psutil.Process) -> bool:
    """Whether nothing of the process runs any more, even if nobody has asked for its status."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _wait_for_end(processes: Sequence[psutil.Process]) -> None:
    deadline_s = time.monotonic() + STOP_TIMEOUT_S
    while not all(has_ended(process) for process in processes):
        assert time.monotonic() < deadline_s, processes
        time.sleep(_POLL_S)


class RunningBox:
    """``atre serve`` and what it announced; ``start`` returns once it serves."""

    def __init__(self, directory: Path, *options: str, prefix: Sequence[str] = ()) -> None:
        """``prefix`` is a command that runs ours, such as ``ip netns exec NAME``."""
        directory.mkdir(parents=True, exist_ok=True)
        self.data_dir = directory / "data"
        self.ready_file = directory / "ready.json"
        self.port = free_port()
        self.command = str(Path(sys.executable).with_name("atre"))
        self.announced: list[str] = []
        self._log = directory / "log.txt"
        self._argv = [
            *prefix, self.command, "serve", "--data-dir", str(self.data_dir),
            "--ready-file", str(self.ready_file), "--port", str(self.port), *options,
        ]  # fmt: skip
        # English, a home of its own, no system bus, and no debugger when llama.cpp aborts.
        self.environment = os.environ | {
            "LC_ALL": "C.UTF-8",
            "GGML_NO_BACKTRACE": "1",
            "HOME": str(directory),
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={directory / 'no-bus'}",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the box and wait for the last line that it announces."""
        self.announced = []
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._argv,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environment,
            )
        deadline_s = time.monotonic() + START_TIMEOUT_S
        rest = b""
        while _LAST_ANNOUNCED not in self.announced:
            data = self._read(deadline_s - time.monotonic())
            assert data, f"the box did not start:\n{self.log()}"
            *lines, rest = (rest + data).split(b"\n")
            self.announced += [line.decode() for line in lines]

    def stop(self) -> int:
        """Stop the box as a service manager does; its exit status. No process of it is left."""
        process = self._running()
        started = self.children()
        process.terminate()
        try:
            status = process.wait(STOP_TIMEOUT_S)
        finally:
            self._reap()
        assert all(has_ended(child) for child in started)
        return status

    def kill(self) -> None:
        """End the command itself in a way that it cannot notice; its children must follow."""
        started = self.children()
        self._running().kill()
        self._reap()
        _wait_for_end(started)

    def kill_child(self, module: str) -> None:
        """End the child that runs ``python -m module``; its own children must follow."""
        child = self.child(module)
        family = [child, *child.children()]
        child.kill()
        _wait_for_end(family)

    def clean_up(self) -> None:
        """Stop the box if it still runs, by force if it must be."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                for child in self.children():
                    child.kill()
                self.process.kill()
        self._reap()
        reserve_path(self.data_dir).unlink(missing_ok=True)  # of 64 MiB for each box
        shutil.rmtree(self.runtime_dir, ignore_errors=True)  # it may be outside the test's folder

    @property
    def ready(self) -> dict[str, Any]:
        """What the ready file says."""
        content: dict[str, Any] = json.loads(self.ready_file.read_bytes())
        return content

    @property
    def key(self) -> str:
        key: str = self.ready["api_key"]
        return key

    @property
    def first_key(self) -> str | None:
        """The key that was announced, if one was."""
        return self._announced_after(_FIRST_KEY)

    @property
    def claim_link(self) -> str | None:
        return self._announced_after(_CLAIM)

    @property
    def runtime_dir(self) -> Path:
        return default_runtime_dir(self.data_dir)

    @property
    def engine_socket(self) -> Path:
        return self.runtime_dir / "engine.sock"

    def describe(self) -> EngineDescription:
        """What the engine says of itself."""
        return EngineClient(self.engine_socket).describe()

    def wait_for(
        self, is_so: Callable[[EngineDescription], bool], timeout_s: float = START_TIMEOUT_S
    ) -> EngineDescription:
        """What the engine says as soon as ``is_so``; fails the test after ``timeout_s``."""
        deadline_s = time.monotonic() + timeout_s
        while not is_so(description := self.describe()):
            assert time.monotonic() < deadline_s, f"still after {timeout_s} s: {description}"
            time.sleep(_POLL_S)
        return description

    def children(self) -> list[psutil.Process]:
        """Every process that the box started."""
        return psutil.Process(self._running().pid).children(recursive=True)

    def child(self, module: str) -> psutil.Process:
        """The box's own child that runs ``python -m module``."""
        own = psutil.Process(self._running().pid).children()
        (found,) = [child for child in own if module in child.cmdline()]
        return found

    def wait_for_port(self) -> None:
        """Wait until loopback is listened on again."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            assert time.monotonic() < deadline_s, self.log()
            time.sleep(_POLL_S)

    def log(self) -> str:
        """What the box wrote to its standard error."""
        return self._log.read_text("utf-8", "replace")

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), START_TIMEOUT_S).close()
        except ConnectionError:
            return False
        return True

    def _running(self) -> "subprocess.Popen[bytes]":
        assert self.process is not None, "the box was not started"
        return self.process

    def _announced_after(self, label: str) -> str | None:
        found = [line for line in self.announced if line.startswith(label)]
        return found[0].removeprefix(label) if found else None

    def _read(self, timeout_s: float) -> bytes:
        stdout = self._stdout()
        if timeout_s <= 0 or not select.select([stdout], [], [], timeout_s)[0]:
            return b""
        return os.read(stdout.fileno(), 65536)

    def _stdout(self) -> IO[bytes]:
        stdout = self._running().stdout
        assert stdout is not None
        return stdout

    def _reap(self) -> None:
        process = self._running()
        process.wait(STOP_TIMEOUT_S)
        self._stdout().close()
        self.process = None
