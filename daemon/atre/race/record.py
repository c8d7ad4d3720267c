# SPDX-License-Identifier: Apache-2.0
"""What the last race found, and who was racing when the machine went down."""

from pathlib import Path

import msgspec

from atre.durable import write_durably
from atre.race.candidates import Field
from atre.race.verdict import Verdict

_VERDICT, _ATTEMPT = "race.json", "race-attempt.json"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Who is racing now; found later, it took the machine or the box down with it."""

    name: str
    field: Field


class RaceRecord:
    """The files of the race in the box's ``state`` directory; a damaged one counts as none."""

    def __init__(self, directory: Path) -> None:
        self._verdict = directory / _VERDICT
        self._attempt = directory / _ATTEMPT

    def verdict(self) -> Verdict | None:
        """The last verdict, whatever raced then."""
        try:
            return msgspec.json.decode(self._verdict.read_bytes(), type=Verdict)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

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
        write_durably(self._verdict, msgspec.json.format(msgspec.json.encode(verdict)))
        self._attempt.unlink(missing_ok=True)
