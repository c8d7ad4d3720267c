# SPDX-License-Identifier: Apache-2.0
"""A machine that runs: its serial console, its monitor (QMP), its power button."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from tests.image.machine import Machine
from tests.image.tpm import chip

_PATIENCE_S = 120.0


@dataclass
class Guest:
    """``machine`` while its process runs."""

    machine: Machine
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)

    def wait_for(self, words: str, *, limit_s: float, after: int = 0) -> float:
        """The seconds since power-on after which ``words`` stood on the serial console.

        Looks behind its first ``after`` characters. Raises AssertionError with the console's end
        if they do not come, or the machine ends.
        """
        while True:
            ended = self.process.poll() is not None
            if words in self.console()[after:]:
                return self.age_s
            if ended or self.age_s > limit_s:
                why = "the machine ended" if ended else f"nothing after {self.age_s:.0f} s"
                raise AssertionError(f"no {words!r}: {why}\n{self.console()[-3000:]}")
            time.sleep(0.5)

    @property
    def age_s(self) -> float:
        """Since power-on."""
        return time.monotonic() - self.started

    def console(self) -> str:
        """What the machine wrote to its first serial port."""
        serial = self.machine.serial
        return serial.read_text(errors="replace") if serial.exists() else ""

    def press_power_button(self, *, limit_s: float) -> float:
        """The seconds until the machine was off."""
        began = time.monotonic()
        self.tell("system_powerdown")
        self.process.wait(limit_s)
        return time.monotonic() - began

    def cut_power(self) -> None:
        """Nothing is told to the machine."""
        self.process.kill()
        self.process.wait()

    def tell(self, command: str, **arguments: object) -> Any:
        """One command to the monitor, and its answer. Raises AssertionError for a refusal."""
        with self._monitor() as tell:
            return tell(command, **arguments)

    def keep_state(self, name: str) -> None:
        """Keep the state of the running machine in its disk, as a snapshot of that name."""
        said = self.tell("human-monitor-command", **{"command-line": f"savevm {name}"})
        assert not said, said

    @contextmanager
    def _monitor(self) -> Iterator["Monitor"]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE_S)
            connection.connect(str(self.machine.monitor))
            with connection.makefile("rw") as stream:
                json.loads(stream.readline())  # the greeting
                monitor = Monitor(stream)
                monitor("qmp_capabilities")
                yield monitor


class Monitor:
    """QEMU's machine protocol: one command, its answer, events in between left out."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __call__(self, command: str, **arguments: object) -> Any:
        self._stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._stream.flush()
        while True:
            answer = json.loads(self._stream.readline())
            if "error" in answer:
                raise AssertionError(f"{command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]


def _wait_for_monitor(machine: Machine, process: subprocess.Popen[bytes]) -> None:
    """QEMU answers there once every socket of the machine is there."""
    while process.poll() is None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            if connection.connect_ex(str(machine.monitor)) == 0:
                connection.recv(1)
                return
        time.sleep(0.05)
    raise AssertionError(f"QEMU ended with status {process.returncode}")


@contextmanager
def powered_on(machine: Machine) -> Iterator[Guest]:
    """The machine from the power button on; its power is cut at the end if it still runs."""
    for left in (machine.serial, machine.monitor, machine.shell):
        left.unlink(missing_ok=True)
    with chip(machine.tpm, machine.chip):
        # A test that is killed takes its machine with it.
        process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *machine.command()])
        try:
            _wait_for_monitor(machine, process)
            yield Guest(machine, process)
        finally:
            process.kill()
            process.wait()


@contextmanager
def restarted_until(machine: Machine, words: str, *, limit_s: float) -> Iterator[Guest]:
    """The machine, switched on again whenever it starts anew, once ``words`` are on its console.

    Each start is one of the whole firmware: ``machine`` ends at restarts. Raises AssertionError
    after ``limit_s`` in all.
    """
    began = time.monotonic()
    while True:
        with powered_on(machine) as guest:
            while words not in guest.console() and guest.process.poll() is None:
                waited = time.monotonic() - began
                assert waited < limit_s, (
                    f"no {words!r} after {waited:.0f} s:\n{guest.console()[-3000:]}"
                )
                time.sleep(0.5)
            if words in guest.console():
                yield guest
                return
