# SPDX-License-Identifier: Apache-2.0
from typing import Literal

import msgspec

from atre.burn_in.results import (
    DiskResult,
    MemoryResult,
    PowerResult,
    SoakResult,
    ThermalResult,
)
from atre.sentence import Sentence

Grade = Literal["fault", "doubt", "note"]


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found. ``soak`` is None where no model can run, and ``no_soak`` says why."""

    memory: MemoryResult
    disk: DiskResult
    soak: SoakResult | None
    thermals: ThermalResult
    power: PowerResult
    no_soak: str = ""


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to say. A fault fails the unit; a doubt wants a person's look; a note is a note.

    ``code`` is for programs and never renamed.
    """

    code: str
    grade: Grade
    said: Sentence
