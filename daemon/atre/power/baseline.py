# SPDX-License-Identifier: Apache-2.0
"""What the machine takes when no answer is computed."""

from collections import deque
from collections.abc import Collection
from pathlib import Path

import msgspec

from atre.power.trace import Span
from atre.system.durable import write_durably

# Other programs wake up now and then; what is left beneath them is the machine itself.
_QUANTILE = 0.1
_MIN_QUIET_S = 30.0
# After an answer the clocks stay up and fans run on for a moment.
_SETTLE_S = 5.0
_WINDOW = 1800  # half an hour of quiet seconds: a screen or a disk that is switched on counts soon


class _Kept(msgspec.Struct, frozen=True):
    idle_w: float
    source: str


class Baseline:
    """Learns from spans in which the engine did nothing; a damaged file counts as none.

    ``source`` names what the spans come from: a plug's baseline says nothing of a sensor's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._quiet: deque[float] = deque(maxlen=_WINDOW)
        self._quiet_s = 0.0
        self._source = ""
        self._idle_w: float | None = None
        self._kept = _read(path)

    def idle_w(self, source: str) -> float | None:
        """The watts of a machine without work, None until it was quiet for long enough."""
        if source == self._source and self._idle_w is not None:
            return self._idle_w
        return self._kept.idle_w if self._kept and self._kept.source == source else None

    def see(self, span: Span, source: str, *, is_busy: bool) -> None:
        """Take a span into account."""
        if source != self._source:
            self._source, self._idle_w = source, None
            self._quiet.clear()
            self._quiet_s = 0.0
        if is_busy:
            self._quiet_s = 0.0
            return
        self._quiet_s += span.end_s - span.start_s
        if self._quiet_s >= _SETTLE_S:
            self._quiet.append(span.power_w)

    def learn(self) -> None:
        """Settle what was seen, and keep it over restarts. Raises OSError."""
        if len(self._quiet) < _MIN_QUIET_S:
            return
        self._idle_w = low_quantile(self._quiet)
        kept = _Kept(idle_w=self._idle_w, source=self._source)
        if self._kept is None or _differs(kept, self._kept):
            write_durably(self._path, msgspec.json.encode(kept))
            self._kept = kept


def low_quantile(powers_w: Collection[float]) -> float:
    """What nine in ten of the powers exceed."""
    return sorted(powers_w)[int(len(powers_w) * _QUANTILE)]


def _differs(one: _Kept, other: _Kept) -> bool:
    """Whether a write is worth its wear: the source is another, or more than 2 % changed."""
    return one.source != other.source or abs(one.idle_w - other.idle_w) > 0.02 * other.idle_w


def _read(path: Path) -> _Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
