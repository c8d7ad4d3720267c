# SPDX-License-Identifier: Apache-2.0
"""What an Apple chip takes, as ``powermetrics`` estimates it: processor, GPU and Neural Engine.

Its property lists are separated by NUL bytes; it needs root (powermetrics(1)). Only on a Mac can
be shown that these keys are what its macOS prints.
"""

import os
import plistlib
from xml.parsers.expat import ExpatError

from atre.power.reading import Basis, Reading, Scope
from atre.power.samplers.child_parts import ChildParts, Parts
from atre.sentence import Sentence

_SAMPLERS, _PERIOD_MS = "cpu_power,gpu_power", "1000"
_COMMAND = ("/usr/bin/powermetrics", "--samplers", _SAMPLERS, "-f", "plist", "-i", _PERIOD_MS)
_MAX_POWER_W = 1000.0
_SILENT_S = 10.0
_SOURCE = "apple"
_FORBIDDEN = Sentence(
    "macOS tells an Apple chip’s power only to root (powermetrics). A metering plug shows the "
    "whole machine without that.",
    "macOS ne dit la puissance d’une puce Apple qu’à root (powermetrics). Une prise de mesure "
    "montre toute la machine sans cela.",
)
_SILENT = Sentence(
    "powermetrics does not tell this machine’s power.",
    "powermetrics ne dit pas la puissance de cette machine.",
)


class AppleChip:
    """Reads what ``powermetrics`` keeps printing; a Sampler."""

    def __init__(self, parts: Parts | None = None) -> None:
        self._parts = parts
        if parts is None and os.geteuid() == 0:
            self._parts = ChildParts(_COMMAND, b"\0")
        self._last = Reading(source=_SOURCE, scope=Scope.PACKAGE, basis=Basis.ESTIMATE, at_s=0.0)

    def read(self, now_s: float) -> list[Reading]:
        if self._parts is None:
            return [_reading(now_s, None, _FORBIDDEN)]
        part = self._parts.take()
        if part:
            power_w = combined_power_w(part)
            self._last = _reading(now_s, power_w, None if power_w is not None else _SILENT)
        elif part == b"" or now_s - self._last.at_s > _SILENT_S:
            self._last = _reading(now_s, None, _SILENT)
        return [self._last]

    def close(self) -> None:
        if self._parts is not None:
            self._parts.close()


def combined_power_w(plist: bytes) -> float | None:
    """Mean watts of the chip over one sample; None for anything that does not say them."""
    try:
        sample = plistlib.loads(plist.strip(b"\0\n"), fmt=plistlib.FMT_XML)
        milliwatts = sample["processor"]["combined_power"]
    except (ExpatError, ValueError, KeyError, TypeError, OverflowError, AttributeError):
        return None
    if isinstance(milliwatts, bool) or not isinstance(milliwatts, int | float):
        return None
    return milliwatts / 1e3 if 0 < milliwatts <= _MAX_POWER_W * 1e3 else None


def _reading(now_s: float, power_w: float | None, reason: Sentence | None) -> Reading:
    return Reading(
        source=_SOURCE,
        scope=Scope.PACKAGE,
        basis=Basis.ESTIMATE,
        at_s=now_s,
        power_w=power_w,
        reason=reason,
    )
