# SPDX-License-Identifier: Apache-2.0
"""Power caps, as ``atred`` asks for them of ``atre.power.caps.writer`` and tells of them."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from atre.sentence import Sentence


class CapKind(StrEnum):
    """What a cap limits, and so the unit of its values."""

    PROCESSOR = "processor"
    """Watts that a processor package may take for long."""
    CARD = "card"
    """Watts that a graphics card may take."""
    PREFERENCE = "preference"
    """A step from 4 (performance) to 1 (power): what the processor's clock is chosen for."""


class CapState(msgspec.Struct, frozen=True, kw_only=True):
    """One cap at one moment, in its kind's unit; None where a figure is not known.

    ``low`` is the least that may be set and ``usual`` what the hardware is made for. ``before`` is
    what was set until it was capped, None while it is not. ``reason`` is why it cannot be capped.
    """

    name: str
    kind: CapKind
    now: float | None = None
    low: float | None = None
    usual: float | None = None
    before: float | None = None
    reason: Sentence | None = None


class SetCaps(msgspec.Struct, frozen=True, tag="set"):
    """Hold each named cap at the value; caps that are not named are put back."""

    values: Annotated[dict[str, float], Meta(max_length=64)]


class RestoreCaps(msgspec.Struct, frozen=True, tag="restore"):
    """Put every cap back."""


CapRequest = SetCaps | RestoreCaps


class CapBasis(StrEnum):
    """Why power is capped as it is."""

    OFF = "off"
    """Eco mode is off, or nothing can be capped here."""
    LATER = "later"
    """The number of threads is being measured first, without a cap."""
    PLAIN = "plain"
    """Nothing measures energy here: a plain part of what the hardware is made for."""
    TRIAL = "trial"
    """It is being measured what this cap saves."""
    MEASURED = "measured"
    """This one took the fewest joules for each token."""


class CapFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured while power was capped at ``level`` of the usual; 1 is without a cap."""

    level: float
    power_w: float
    tokens_s: float
    j_token: float


class CapReport(msgspec.Struct, frozen=True, kw_only=True):
    """All caps at one moment."""

    level: float
    basis: CapBasis
    caps: list[CapState] = []
    figures: list[CapFigures] = []
