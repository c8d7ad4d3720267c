# SPDX-License-Identifier: Apache-2.0
"""Lowers caps and puts them back, whatever happens in between."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.ipc.cap_messages import CapState
from atre.power.caps.cap import TOLERANCE, Cap, CapError
from atre.sentence import Sentence
from atre.system.durable import write_durably

_log = logging.getLogger(__name__)
_IGNORED = Sentence(
    "The limit was written and did not change: the firmware has locked it.",
    "La limite a été écrite et n’a pas changé\N{NO-BREAK SPACE}: le micrologiciel l’a verrouillée.",
)
_OTHERS = Sentence(
    "Another program changed this limit since; it stays as that one wants it.",
    "Un autre programme a changé cette limite depuis\N{NO-BREAK SPACE}; elle reste comme il la "
    "veut.",
)
_NOT_KEPT = Sentence(
    "What was set before cannot be written down, so the limit stays as it is; free some disk "
    "space.",
    "Ce qui était réglé ne peut pas être noté, donc la limite reste telle quelle"
    "\N{NO-BREAK SPACE}; libérez de la place sur le disque.",
)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a cap was before it was set to ``value``: as it read, and as a value."""

    saved: dict[str, str]
    before: float
    value: float


class CapHolder:
    """Holds the caps that ``find`` finds; what they were is in ``file`` before they change.

    At a start ``restore`` puts back what an earlier process, or one before a power cut, left. Never
    above what was set before, and never below what the hardware takes.
    """

    def __init__(self, find: Callable[[], Sequence[Cap]], file: Path) -> None:
        self._find, self._file = find, file
        self._kept = _read(file)
        self._refused: dict[str, tuple[float, Sentence]] = {}

    def hold(self, values: Mapping[str, float]) -> list[CapState]:
        """Set each named cap, put the others back, and tell of all."""
        return [self._held(cap, values.get(cap.name)) for cap in self._find()]

    def restore(self) -> list[CapState]:
        """Put every cap back, and tell of all."""
        return self.hold({})

    def _held(self, cap: Cap, wanted: float | None) -> CapState:
        state = cap.read()
        kept = self._kept.get(cap.name)
        value = None if wanted is None or state.low is None else max(wanted, state.low)
        if kept is not None and kept.value == value:
            return self._told(state, kept)
        if kept is not None:
            if (reason := self._put_back(cap, kept)) is not None:
                return replace(cap.read(), before=kept.before, reason=reason)
            state = cap.read()
        if value is None or state.reason is not None or state.now is None:
            self._refused.pop(cap.name, None)
            return state
        refusal = self._refused.get(cap.name)
        if refusal is not None and refusal[0] == value:
            return replace(state, reason=refusal[1])
        return self._lowered(cap, state, state.now, value) if state.now > value else state

    def _told(self, state: CapState, kept: Kept) -> CapState:
        is_others = state.now is not None and abs(state.now - kept.value) > TOLERANCE
        return replace(state, before=kept.before, reason=_OTHERS if is_others else state.reason)

    def _lowered(self, cap: Cap, state: CapState, now: float, value: float) -> CapState:
        kept = Kept(saved=cap.saved(), before=now, value=value)
        try:
            self._write({**self._kept, cap.name: kept})
        except OSError:
            return replace(state, reason=_NOT_KEPT)
        self._kept[cap.name] = kept
        try:
            cap.set(value)
        except CapError as error:
            return self._given_up(cap, kept, error.reason)
        after = cap.read()
        if after.now is None or after.now > value + TOLERANCE:
            return self._given_up(cap, kept, _IGNORED)
        return replace(after, before=now)

    def _given_up(self, cap: Cap, kept: Kept, reason: Sentence) -> CapState:
        """Not tried again at that value, until all is put back or another is asked for."""
        self._refused[cap.name] = kept.value, reason
        self._put_back(cap, kept)
        return replace(cap.read(), reason=reason)

    def _put_back(self, cap: Cap, kept: Kept) -> Sentence | None:
        """Restore and forget; on a refusal its reason, and what is kept stays for another try."""
        try:
            cap.restore(kept.saved, kept.value)
        except CapError as error:
            _log.warning("%s cannot be put back: %s", cap.name, error)
            return error.reason
        del self._kept[cap.name]
        try:
            self._write(self._kept)
        except OSError:
            # Read again, it is put back once more, which by then finds nothing of ours.
            _log.warning("%s was put back and cannot be forgotten", cap.name)
        return None

    def _write(self, kept: Mapping[str, Kept]) -> None:
        write_durably(self._file, msgspec.json.encode(kept))


def _read(file: Path) -> dict[str, Kept]:
    """What is kept; a file that cannot be read holds nothing, for it was never half written."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Kept])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
