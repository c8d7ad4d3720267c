# SPDX-License-Identifier: Apache-2.0
"""The processor's energy, as the privileged reader tells it: one value a second."""

import math
import socket
from pathlib import Path

import msgspec

from atre.hardware.tree import Tree
from atre.power.reading import Basis, Reading, Scope
from atre.power.samplers.rapl import FORBIDDEN, silent_domains
from atre.sentence import Sentence

SOCKET = Path("/run/atre-rapl/rapl.sock")
MAX_PACKET_BYTES = 65536
_MAX_PACKETS = 32  # in one read: a flood must not hold the meter up
_SILENT_S = 5.0
_SCOPES = frozenset({Scope.PLATFORM, Scope.PACKAGE})
_SILENT = Sentence(
    "The reader of the processor’s energy counter says nothing; restart atre-rapl.service.",
    "Le lecteur du compteur d’énergie du processeur ne dit rien ; redémarrez atre-rapl.service.",
)
_GARBAGE = Sentence(
    "What answers at the energy reader’s socket is something else or another version; restart "
    "atre-rapl.service and the box.",
    "Ce qui répond à l’adresse du lecteur d’énergie est autre chose ou une autre version ; "
    "redémarrez atre-rapl.service et la box.",
)


class RaplSocket:
    """Listens to ``atre.power.rapl_reader``; a Sampler. Either end may restart at any time."""

    def __init__(self, tree: Tree, path: Path = SOCKET) -> None:
        self._tree, self._path = tree, path
        self._connection: socket.socket | None = None
        self._decoder = msgspec.json.Decoder(list[Reading])
        self._readings: list[Reading] = []
        self._raw_j: dict[str, float] = {}
        self._start_j: dict[str, float] = {}
        self._heard_s = -math.inf
        self._reason = FORBIDDEN

    def read(self, now_s: float) -> list[Reading]:
        for _ in range(_MAX_PACKETS):
            packet = self._receive()
            if packet is None or not self._take(packet, now_s):
                break
        if now_s - self._heard_s > _SILENT_S or not self._readings:
            return silent_domains(self._tree, now_s, self._reason)
        return self._readings

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _receive(self) -> bytes | None:
        """The next packet that waits; b"" where the reader has ended."""
        connection = self._connection or self._connect()
        if connection is None:
            return None
        try:
            return connection.recv(MAX_PACKET_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _connect(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.setblocking(False)
        try:
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            # Nobody listens: what this process could have done by itself is what is to be said.
            self._reason = FORBIDDEN
            return None
        self._connection = connection
        # Another reader counts from another beginning.
        self._start_j, self._raw_j = {}, {}
        if self._reason is not _GARBAGE:
            self._reason = _SILENT
        return connection

    def _take(self, packet: bytes, now_s: float) -> bool:
        """Whether it was good; if not, the next read connects again."""
        if not packet:
            self.close()
            return False
        try:
            readings = self._decoder.decode(packet)
        except (msgspec.DecodeError, UnicodeDecodeError):
            readings = None
        if readings is None or not all(_is_sound(reading, now_s) for reading in readings):
            self.close()
            self._readings, self._reason = [], _GARBAGE
            return False
        self._readings = [self._from_here(reading) for reading in readings]
        self._heard_s, self._reason = now_s, _SILENT
        return True

    def _from_here(self, reading: Reading) -> Reading:
        """Energy from when this process began to listen, or from when the counter began anew."""
        if reading.energy_j is None:
            self._start_j.pop(reading.source, None)
            return reading
        raw_j = reading.energy_j
        if raw_j < self._raw_j.get(reading.source, 0.0):
            self._start_j.pop(reading.source, None)
        start_j = self._start_j.setdefault(reading.source, raw_j)
        self._raw_j[reading.source] = raw_j
        return msgspec.structs.replace(reading, energy_j=raw_j - start_j)


def _is_sound(reading: Reading, now_s: float) -> bool:
    """What the reader would say: nothing outside the processor, nothing infinite or to come."""
    figures = [f for f in (reading.power_w, reading.energy_j) if f is not None]
    return (
        reading.source.startswith("rapl:")
        and reading.scope in _SCOPES
        and reading.basis is Basis.COUNTER
        and reading.at_s <= now_s + _SILENT_S
        and all(math.isfinite(figure) and figure >= 0 for figure in figures)
    )
