# SPDX-License-Identifier: Apache-2.0
"""The real sshd on loopback, with nothing of the machine's own settings."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

_SSHD = "/usr/sbin/sshd"


def missing_part() -> str | None:
    """Why it cannot run here, None if it can."""
    if sys.platform != "linux" or os.geteuid() != 0 or not Path(_SSHD).exists():
        return "needs root and openssh-server"
    return None


@dataclass
class Server:
    """An sshd on loopback; ``change_key`` makes it another one, ``let_in`` knows a public key."""

    directory: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def backups(self) -> Path:
        return self.directory / "backups"

    def start(self) -> None:
        key = self.directory / "host-key"
        if not key.exists():
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
            subprocess.run(argv, check=True)
        config = self.directory / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {key}\nPidFile none\n"
            f"AuthorizedKeysFile {self.directory}/authorized_keys\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
        )
        argv = [_SSHD, "-D", "-e", "-f", str(config)]
        self.process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def change_key(self, eventually: Callable[[Callable[[], bool]], None]) -> None:
        self.stop()
        for name in ("host-key", "host-key.pub"):
            (self.directory / name).unlink()
        self.start()
        eventually(self.listens)

    def listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def let_in(self, public_key: str) -> None:
        with (self.directory / "authorized_keys").open("a", encoding="ascii") as file:
            file.write(public_key + "\n")

    def cut(self) -> None:
        """Go away with every connection, as a server does whose power is cut."""
        assert self.process is not None
        for each in psutil.Process(self.process.pid).children(recursive=True):
            each.send_signal(signal.SIGKILL)
        self.stop()
