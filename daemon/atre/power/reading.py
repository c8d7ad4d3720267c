# SPDX-License-Identifier: Apache-2.0
from enum import StrEnum

import msgspec

from atre.sentence import Sentence


class Basis(StrEnum):
    """Where a figure comes from, best first. A figure without a basis is not shown."""

    PLUG = "plug"
    """A meter between the wall and the machine."""
    COUNTER = "counter"
    """Energy that the hardware counted by itself."""
    SENSOR = "sensor"
    """Power that was sampled now and then."""
    ESTIMATE = "estimate"
    """Calculated: load times nominal power, or a calibration."""
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """How much of the machine a figure covers. A wider scope contains the narrower ones."""

    WALL = "wall"
    """All that hangs on the plug or the UPS."""
    PLATFORM = "platform"
    """The whole machine behind its power supply: psys, a battery, Apple's system total."""
    PACKAGE = "package"
    """One processor with what is in its package; an integrated GPU too."""
    CARD = "card"
    """One graphics card."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one source said at ``at_s`` (seconds of the monotonic clock).

    ``source`` is stable over restarts: ``rapl:package-0``, ``plug:shelly:192.0.2.7``.
    ``energy_j`` counts from when the sampler began, without the hardware's wraps; None where the
    source only tells its power. ``power_w`` is None where it cannot be told; ``reason`` then says
    why, and what to do.
    """

    source: str
    scope: Scope
    basis: Basis
    at_s: float
    power_w: float | None = None
    energy_j: float | None = None
    reason: Sentence | None = None
