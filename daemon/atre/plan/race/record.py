# SPDX-License-Identifier: Apache-2.0
"""What the last races found, and who was racing when the machine went down."""

from pathlib import Path

import msgspec

from atre.plan.race.candidates import Field
from atre.plan.race.verdict import Verdict
from atre.system.durable import write_durably

_VERDICTS, _ATTEMPT = "race.json", "race-attempt.json"
_NUM_KEPT = 16


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Who is racing now; found later, it took the machine or the box down with it."""

    name: str
    field: Field


class RaceRecord:
    """The files of the race in the box's ``state`` directory; a damaged one counts as none."""

    def __init__(self, directory: Path) -> None:
        self._verdicts = directory / _VERDICTS
        self._attempt = directory / _ATTEMPT

    def verdicts(self) -> tuple[Verdict, ...]:
        """What was found so far, the last race first; several models may take turns."""
        try:
            return msgspec.json.decode(self._verdicts.read_bytes(), type=tuple[Verdict, ...])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return ()

    def lost_attempt(self, field: Field) -> str | None:
        """The candidate that never came back from a race of the same field."""
        try:
            attempt = msgspec.json.decode(self._attempt.read_bytes(), type=Attempt)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return attempt.name if attempt.field == field else None

    def begin(self, name: str, field: Field) -> None:
        """Remember who races before it does. Raises OSError."""
        write_durably(self._attempt, msgspec.json.encode(Attempt(name=name, field=field)))

    def finish(self, verdict: Verdict) -> None:
        """Remember the verdict for the next starts. Raises OSError."""
        others = [other for other in self.verdicts() if other.field != verdict.field]
        kept = [verdict, *others][:_NUM_KEPT]
        write_durably(self._verdicts, msgspec.json.format(msgspec.json.encode(kept)))
        self._attempt.unlink(missing_ok=True)
