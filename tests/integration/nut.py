# SPDX-License-Identifier: Apache-2.0
"""A real ``upsd`` with NUT's ``dummy-ups``, for tests that pull the plug."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

DRIVERS = Path("/lib/nut")
MISSING = "needs NUT's upsd and dummy-ups (Debian: nut-server)"
IS_HERE = (DRIVERS / "upsd").exists() and (DRIVERS / "dummy-ups").exists()
_PASSWORD = "for-tests-only"
_START_S = 20.0


class Nut:
    """One ``upsd`` on loopback and its UPS ``office``."""

    def __init__(self, directory: Path, port: int) -> None:
        self.port = port
        self._directory = directory
        self._environment = os.environ | dict.fromkeys(
            ("NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH"), str(directory)
        )
        self._driver: subprocess.Popen[bytes] | None = None

    def set(self, **variables: str) -> None:
        """Change what the UPS says; ``_`` stands for the dot. It is said when this returns."""
        for name, value in variables.items():
            self._run(
                "upsrw", "-s", f"{name.replace('_', '.')}={value}", "-u", "atre", "-p", _PASSWORD,
                "-w", self.ups,
            )  # fmt: skip

    @property
    def ups(self) -> str:
        return f"office@127.0.0.1:{self.port}"

    def may_be_set(self) -> bool:
        """Whether the driver's second look has passed, from which it lets itself be changed."""
        return b"[ups.status]" in self._run("upsrw", self.ups, check=False)

    def kill_driver(self) -> None:
        """The cable is pulled: the server is there, the UPS is not."""
        if self._driver:
            self._driver.kill()
            self._driver.wait()

    def _run(self, program: str, *arguments: str, check: bool = True) -> bytes:
        path = shutil.which(program)
        assert path, MISSING
        done = subprocess.run(
            [path, *arguments], env=self._environment, capture_output=True, check=check, timeout=30
        )
        return done.stdout

    @contextlib.contextmanager
    def running(self) -> Iterator["Nut"]:
        with contextlib.ExitStack() as stack:
            self._driver = self._start(stack, "dummy-ups", "-a", "office")
            _wait_for((self._directory / "dummy-ups-office").exists)
            self._start(stack, "upsd")
            _wait_for(self.may_be_set)
            yield self

    def _start(
        self, stack: contextlib.ExitStack, program: str, *arguments: str
    ) -> subprocess.Popen[bytes]:
        log = stack.enter_context((self._directory / f"{program}.log").open("wb"))
        process = subprocess.Popen(
            [DRIVERS / program, *arguments, "-u", "root", "-F"],
            env=self._environment,
            stdout=log,
            stderr=log,
        )
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)
        return process


def make_nut(directory: Path, variables: Mapping[str, str]) -> Nut:
    """Write the files of a server on a free port; ``Nut.running`` starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (directory / "ups.conf").write_text(
        "[office]\ndriver = dummy-ups\nmode = dummy-once\nport = office.dev\n"
    )
    lines = [f"{name}: {value}" for name, value in variables.items()]
    (directory / "office.dev").write_text("\n".join(lines) + "\n")
    (directory / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {port}\n")
    (directory / "upsd.users").write_text(
        f"[atre]\npassword = {_PASSWORD}\nactions = SET\ninstcmds = ALL\n"
    )
    for file in directory.iterdir():
        file.chmod(0o600)
    return Nut(directory, port)


def _wait_for(is_true: object) -> None:
    """Poll what another program does; it has no event that could be awaited."""
    assert callable(is_true)
    end_s = time.monotonic() + _START_S
    while not is_true():
        assert time.monotonic() < end_s, "NUT did not start"
        time.sleep(0.05)
