# SPDX-License-Identifier: Apache-2.0
"""Energy of NVIDIA's cards: their counter, not samples, which miss most of a short run.

Source for that: arXiv 2312.02741.
"""

import sys
from collections.abc import Callable

import msgspec

from atre.power.asleep import asleep_s
from atre.power.reading import Basis, Reading, Scope
from atre.power.samplers.child_parts import ChildParts, Parts
from atre.power.samplers.energy_counter import EnergyCounter
from atre.power.samplers.nvml_energy import CardEnergy, NvmlEnergy
from atre.sentence import Sentence

_COMMAND = (sys.executable, "-P", "-m", "atre.power.samplers.nvml_energy")
_MAX_POWER_W = 3000.0
_SILENT_S = 10.0
_NO_PERMISSION = 4  # nvmlReturn_t
_NOT_SUPPORTED = Sentence(
    "This NVIDIA card does not tell its energy or its power.",
    "Cette carte NVIDIA ne dit ni son énergie ni sa puissance.",
)
_FORBIDDEN = Sentence(
    "NVIDIA’s driver refuses to tell this process the card’s energy; look at the rights of "
    "/dev/nvidiactl.",
    "Le pilote NVIDIA refuse de dire l’énergie de la carte à ce processus ; vérifiez les droits "
    "de /dev/nvidiactl.",
)
_SILENT = Sentence(
    "NVIDIA’s driver does not answer; after an update of the driver the machine must restart.",
    "Le pilote NVIDIA ne répond pas ; après une mise à jour du pilote, la machine doit redémarrer.",
)


class NvidiaCards:
    """Reads what a child process prints of NVIDIA's cards; a Sampler."""

    def __init__(self, lines: Parts | None = None, slept_s: Callable[[], float] = asleep_s) -> None:
        self._lines = lines or ChildParts(_COMMAND, b"\n")
        self._slept_s = slept_s
        self._decoder = msgspec.json.Decoder(NvmlEnergy)
        self._counters: dict[str, EnergyCounter] = {}
        self._readings: list[Reading] = []
        self._heard_s: float | None = None

    def read(self, now_s: float) -> list[Reading]:
        line = self._lines.take()
        if self._heard_s is None:
            self._heard_s = now_s
        told = self._decoded(line) if line else None
        if told is not None and not told.problem and 0 <= now_s - told.at_s <= _SILENT_S:
            self._heard_s = now_s
            self._readings = [self._reading(card, told.at_s) for card in told.cards]
        elif line == b"" or now_s - self._heard_s > _SILENT_S:
            self._readings = [self._silent(reading, now_s) for reading in self._readings] or [
                _no_figure("nvml", now_s, _SILENT)
            ]
        return self._readings

    def close(self) -> None:
        self._lines.close()

    def _decoded(self, line: bytes) -> NvmlEnergy | None:
        try:
            return self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _reading(self, card: CardEnergy, at_s: float) -> Reading:
        source = f"nvml:{card.uuid}"
        counter = self._counters.setdefault(
            source, EnergyCounter(source, Scope.CARD, unit_j=1e-3, max_power_w=_MAX_POWER_W)
        )
        if card.energy_mj is not None:
            return counter.count(card.energy_mj, at_s, self._slept_s(), None)
        if card.power_mw is not None and 0 < card.power_mw <= _MAX_POWER_W * 1e3:
            return Reading(
                source=source,
                scope=Scope.CARD,
                basis=Basis.SENSOR,
                at_s=at_s,
                power_w=card.power_mw / 1e3,
            )
        reason = _FORBIDDEN if card.error == _NO_PERMISSION else _NOT_SUPPORTED
        return counter.silent(at_s, reason)

    def _silent(self, reading: Reading, now_s: float) -> Reading:
        if (counter := self._counters.get(reading.source)) is not None:
            return counter.silent(now_s, _SILENT)
        return _no_figure(reading.source, now_s, _SILENT)


def _no_figure(source: str, now_s: float, reason: Sentence) -> Reading:
    return Reading(source=source, scope=Scope.CARD, basis=Basis.COUNTER, at_s=now_s, reason=reason)
