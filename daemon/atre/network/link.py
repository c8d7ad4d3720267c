# SPDX-License-Identifier: Apache-2.0
"""The machine's network, as far as the box may set it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

_OFFICE_FILE = Path("/run/systemd/network/50-atre-office.network")
_NET = Path("/sys/class/net")
_ETHERNET = 1  # include/uapi/linux/if_arp.h: ARPHRD_ETHER
_COMMAND_TIMEOUT_S = 10.0


class Link(Protocol):
    """Sets addresses; every method may raise OSError, ``use`` also after it has changed nothing."""

    def use(self, network_file: bytes) -> None:
        """Have the network be as this file says, empty for the machine's own settings."""

    def in_force(self) -> bytes:
        """What ``use`` was last told, by whomever."""

    def interfaces(self) -> list[str]:
        """The wired ports of this machine."""

    def is_ours(self) -> bool:
        """Whether the box may change anything here."""


class NetworkdLink:
    """systemd-networkd, which reads a file that belongs to the box (see tmpfiles.d/atre.conf).

    ``enter`` is what a command is put behind to reach a machine in namespaces of its own.
    """

    def __init__(
        self, office_file: Path = _OFFICE_FILE, net: Path = _NET, enter: Sequence[str] = ()
    ) -> None:
        self._file = office_file
        self._net = net
        self._enter = enter

    def use(self, network_file: bytes) -> None:
        self.put(network_file)
        _run(*self._enter, "networkctl", "reload")
        # A reload leaves a port alone whose own file is the same as before.
        _run(*self._enter, "networkctl", "reconfigure", *self.interfaces())

    def put(self, network_file: bytes) -> None:
        """Write the file and tell nobody, as before networkd starts."""
        # In place: the box may write this file, but not its folder, which is root's.
        with self._file.open("r+b") as file:
            file.write(network_file)
            file.truncate()

    def in_force(self) -> bytes:
        return self._file.read_bytes()

    def interfaces(self) -> list[str]:
        if not self._net.is_dir():
            return []
        return sorted(path.name for path in self._net.iterdir() if _is_wired(path))

    def is_ours(self) -> bool:
        try:
            with self._file.open("r+b"):
                return True
        except OSError:
            return False


def _is_wired(port: Path) -> bool:
    try:
        kind = int((port / "type").read_text())
    except (OSError, ValueError):
        return False
    return kind == _ETHERNET and (port / "device").exists() and not (port / "wireless").exists()


def _run(*argv: str) -> None:
    try:
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{' '.join(argv)} does not answer") from error
    if done.returncode:
        raise OSError(f"{' '.join(argv)}: {done.stderr.strip()[:300]}")
