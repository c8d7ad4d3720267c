# SPDX-License-Identifier: Apache-2.0
"""Where a figure of power comes from, and how much of the machine it covers."""

from enum import StrEnum


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
