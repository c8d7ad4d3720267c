# SPDX-License-Identifier: Apache-2.0
"""Asking a privileged writer for caps; where there is none, what is known and what to do."""

import contextlib
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec.structs import replace

from atre.hardware.tree import Tree
from atre.ipc.cap_messages import CapKind, CapState, RestoreCaps, SetCaps
from atre.power.caps.writer import MAX_PACKET_BYTES, file_caps
from atre.sentence import Sentence

MACHINE_SOCKET = Path("/run/atre-caps/caps.sock")
NVIDIA_SOCKET = Path("/run/atre-nvidia-caps/caps.sock")
_NVIDIA_DRIVER = "proc/driver/nvidia/version"
_PATIENCE_S = 5.0


class Caps(Protocol):
    """Some caps of the machine, held as long as nothing else is asked and nobody closes."""

    def hold(self, values: Mapping[str, float]) -> list[CapState]:
        """Set each named cap, put the others back, and tell of all. Never raises."""

    def close(self) -> None:
        """Put all back."""


class WriterCaps:
    """Caps of the writer at ``path``; ``look`` tells what is there without it.

    Closing the connection puts all back: so does the end of this process, however it ends.
    """

    def __init__(self, path: Path, look: Callable[[], list[CapState]], service: str) -> None:
        self._path, self._look, self._service = path, look, service
        self._connection: socket.socket | None = None

    def hold(self, values: Mapping[str, float]) -> list[CapState]:
        request = SetCaps(dict(values)) if values else RestoreCaps()
        try:
            return self._exchange(msgspec.json.encode(request))
        except FileNotFoundError:
            return self._without(_missing(self._service))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            self.close()
            return self._without(_silent(self._service))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, packet: bytes) -> list[CapState]:
        """Raises OSError, DecodeError and UnicodeDecodeError."""
        if self._connection is None:
            self._connection = _connected(self._path)
        self._connection.send(packet)
        answer = self._connection.recv(MAX_PACKET_BYTES)
        return msgspec.json.decode(answer, type=list[CapState])

    def _without(self, reason: Sentence) -> list[CapState]:
        return [replace(state, reason=state.reason or reason) for state in self._look()]


def machine_caps(
    root: Path = Path("/"), machine: Path = MACHINE_SOCKET, nvidia: Path = NVIDIA_SOCKET
) -> list[Caps]:
    """Whoever may cap the power of the machine whose files are below ``root``."""
    caps: list[Caps] = [
        WriterCaps(machine, lambda: [cap.read() for cap in file_caps(root)], "atre-caps.service")
    ]
    if Tree(root).text(_NVIDIA_DRIVER) is not None:
        card = CapState(name="nvml", kind=CapKind.CARD)
        caps.append(WriterCaps(nvidia, lambda: [card], "atre-nvidia-caps.service"))
    return caps


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with contextlib.ExitStack() as stack:
        stack.callback(connection.close)
        connection.settimeout(_PATIENCE_S)
        connection.connect(str(path))
        stack.pop_all()
    return connection


def _missing(service: str) -> Sentence:
    return Sentence(
        f"Only a privileged program may lower it; install {service}: systemd/README.md, “Limits "
        "of power”.",
        f"Seul un programme privilégié peut l’abaisser\N{NO-BREAK SPACE}; installez {service}"
        "\N{NO-BREAK SPACE}: systemd/README.md, «\N{NO-BREAK SPACE}Limits of power"
        "\N{NO-BREAK SPACE}».",
    )


def _silent(service: str) -> Sentence:
    return Sentence(
        f"The program that may lower it does not answer as it should; restart {service}.",
        f"Le programme qui peut l’abaisser ne répond pas comme il faut\N{NO-BREAK SPACE}; "
        f"redémarrez {service}.",
    )
