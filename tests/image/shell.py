# SPDX-License-Identifier: Apache-2.0
"""Commands in the running image, which has no shell of its own to log in to.

A unit that only the test's firmware hands over reads them from the second serial port.
"""

import base64
import itertools
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_UNIT = """\
[Unit]
Description=The test's commands
DefaultDependencies=no
After=local-fs.target
Conflicts=shutdown.target
Before=shutdown.target

[Service]
StandardInput=tty
StandardOutput=tty
TTYPath=/dev/ttyS1
ExecStartPre=/usr/bin/stty -F /dev/ttyS1 raw -echo
ExecStart=/usr/bin/bash -c 'echo "up 0 "; while read -r id code; do \
out=$$(bash -c "$$(base64 -d <<<$$code)" 2>&1 </dev/null); \
echo "$$id $$? $$(base64 -w0 <<<"$$out")"; done'
Restart=always
"""

_ANSWER_WORDS = 3
CREDENTIALS = {
    "systemd.extra-unit.test-shell.service": _UNIT,
    "systemd.unit-dropin.sysinit.target": "[Unit]\nWants=test-shell.service\n",
}


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it wrote."""

    status: int
    output: str


class Shell:
    """Talks to that unit; usable again after the machine started anew."""

    def __init__(self, path: Path) -> None:
        self._ids = itertools.count(1)
        self._rest = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def wait_until_up(self, limit_s: float) -> None:
        """Raises TimeoutError if the unit does not answer by then."""
        deadline = time.monotonic() + limit_s
        while True:
            try:
                self.run("true", limit_s=5)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def run(self, command: str, *, limit_s: float = 120) -> Ran:
        """Raises TimeoutError if the answer does not come in time."""
        name = f"r{next(self._ids)}"
        code = base64.b64encode(command.encode()).decode()
        self._socket.settimeout(limit_s)
        self._socket.sendall(f"{name} {code}\n".encode())
        deadline = time.monotonic() + limit_s
        while True:
            words = self._line(deadline).split(" ")
            # The port echoes what was sent before the unit told it not to.
            if words[0] == name and len(words) == _ANSWER_WORDS:
                output = base64.b64decode(words[2]).decode(errors="replace")
                return Ran(int(words[1]), output.rstrip("\n"))

    def must(self, command: str, *, limit_s: float = 120) -> str:
        """What it wrote. Raises AssertionError if it failed."""
        ran = self.run(command, limit_s=limit_s)
        assert ran.status == 0, f"{command}: {ran.status}\n{ran.output}"
        return ran.output

    def _line(self, deadline: float) -> str:
        while b"\n" not in self._rest:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            got = self._socket.recv(65536)
            if not got:
                raise ConnectionError("the machine is off")
            self._rest += got
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace").strip()
