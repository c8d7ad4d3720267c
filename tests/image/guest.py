# SPDX-License-Identifier: Apache-2.0
"""The image as a machine: QEMU in full emulation, UEFI firmware, a serial port and QMP."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

_FIRMWARE = Path("/usr/share/OVMF")
DISK_BYTES = 12 * 2**30


@dataclass
class Guest:
    """A machine that runs; ``https_port`` and ``http_port`` are those of this host's loopback."""

    process: subprocess.Popen[bytes]
    serial: Path
    qmp: Path
    https_port: int
    http_port: int
    started: float = field(default_factory=time.monotonic)

    def wait_for(self, words: str, *, limit_s: float) -> float:
        """The seconds since power-on after which ``words`` stood on the serial console.

        Raises AssertionError with the console's end if they do not come, or the machine ends.
        """
        while True:
            ended = self.process.poll() is not None
            if words in self.console():
                return time.monotonic() - self.started
            waited = time.monotonic() - self.started
            if ended or waited > limit_s:
                why = "the machine ended" if ended else f"nothing after {waited:.0f} s"
                raise AssertionError(f"no {words!r}: {why}\n{self.console()[-3000:]}")
            time.sleep(0.5)

    def console(self) -> str:
        return self.serial.read_text(errors="replace") if self.serial.exists() else ""

    def press_power_button(self, *, limit_s: float) -> float:
        """The seconds until the machine was off."""
        began = time.monotonic()
        with self._monitor() as tell:
            tell("system_powerdown")
        self.process.wait(limit_s)
        return time.monotonic() - began

    @contextmanager
    def _monitor(self) -> Iterator["Monitor"]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(60)
            connection.connect(str(self.qmp))
            with connection.makefile("rw") as stream:
                json.loads(stream.readline())  # the greeting
                monitor = Monitor(stream)
                monitor("qmp_capabilities")
                yield monitor


class Monitor:
    """QEMU's machine protocol: one command, its answer, events in between left out."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __call__(self, command: str) -> Any:
        self._stream.write(json.dumps({"execute": command}) + "\n")
        self._stream.flush()
        while True:
            answer = json.loads(self._stream.readline())
            if "error" in answer:
                raise AssertionError(f"{command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]


def copy_of(image: Path, disk: Path) -> None:
    """A disk as it is after flashing: larger than the image."""
    subprocess.run(["cp", "--sparse=always", image, disk], check=True)
    os.truncate(disk, DISK_BYTES)


@contextmanager
def powered_on(disk: Path, work: Path) -> Iterator[Guest]:
    """Boot ``disk``; the guest reaches nobody, and its ports 443 and 80 are on our loopback."""
    variables = work / "vars.fd"
    if not variables.exists():
        shutil.copy(_FIRMWARE / "OVMF_VARS_4M.fd", variables)
    https_port, http_port = _free_port(), _free_port()
    forwards = f"hostfwd=tcp:127.0.0.1:{https_port}-:443,hostfwd=tcp:127.0.0.1:{http_port}-:80"
    serial, qmp = work / "serial.log", work / "qmp.sock"
    serial.unlink(missing_ok=True)
    qmp.unlink(missing_ok=True)
    code = f"if=pflash,format=raw,readonly=on,file={_FIRMWARE}/OVMF_CODE_4M.fd"
    process = subprocess.Popen(
        ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max",
         "-smp", "2", "-m", "3072", "-display", "none", "-nodefaults", "-vga", "std",
         "-drive", code, "-drive", f"if=pflash,format=raw,file={variables}",
         "-drive", f"if=none,id=disk,format=raw,file={disk},cache=unsafe",
         "-device", "virtio-blk-pci,drive=disk,bootindex=0",
         "-qmp", f"unix:{qmp},server=on,wait=off", "-serial", f"file:{serial}",
         "-nic", f"user,model=virtio-net-pci,restrict=on,{forwards}"],
    )  # fmt: skip
    try:
        yield Guest(process, serial, qmp, https_port, http_port)
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
