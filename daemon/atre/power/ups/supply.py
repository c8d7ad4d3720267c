# SPDX-License-Identifier: Apache-2.0
"""What feeds the box, decided from what its UPS said last and for how long."""

from enum import StrEnum

import msgspec

from atre.power.ups.state import UpsState

# NUT's upsmon(8) gives a silent UPS as long (DEADTIME) before it believes the worst.
DEAD_S = 15.0
# A battery whose charge and run time stand still is not measured: a small UPS lasts this long.
_BLIND_S = 300.0
# Under load a battery that is measured moves within this time, if only by a percent.
_STUCK_S = 180.0


class Supply(StrEnum):
    """Where the power comes from."""

    MAINS = "mains"
    BATTERY = "battery"
    ENDING = "ending"
    """On battery, and it will not last: stop now."""
    UNKNOWN = "unknown"
    """No UPS is set up, or it never said anything."""


class Outage(msgspec.Struct, frozen=True):
    """Since when a UPS runs on its battery, and when a figure of that battery last moved."""

    since_s: float
    moved_s: float
    charge: float | None
    runtime_s: float | None

    def is_blind(self, now_s: float) -> bool:
        """Whether nothing tells how much is left."""
        is_silent = self.charge is None and self.runtime_s is None
        return is_silent or now_s - self.moved_s > _STUCK_S


def follow(outage: Outage | None, state: UpsState, now_s: float) -> Outage | None:
    """The outage after ``state`` was heard; None on mains."""
    if state.is_on_battery is None:
        return outage  # it said nothing, which ends no outage
    if not state.is_on_battery or state.is_testing:
        return None
    figures = (state.charge, state.runtime_s)
    if outage is None:
        return Outage(now_s, now_s, *figures)
    moved_s = outage.moved_s if (outage.charge, outage.runtime_s) == figures else now_s
    return Outage(outage.since_s, moved_s, *figures)


def supply(
    state: UpsState | None, outage: Outage | None, *, heard_s: float, now_s: float
) -> Supply:
    """What feeds the box now; ``state`` was heard at ``heard_s``, None never."""
    if state is None:
        return Supply.UNKNOWN
    if state.is_ending:
        return Supply.ENDING
    if outage is None:
        # A UPS that fell silent on mains is a cable that somebody pulled, not an outage.
        return Supply.MAINS if now_s - heard_s <= DEAD_S else Supply.UNKNOWN
    is_over = (
        state.is_low
        or now_s - heard_s > DEAD_S
        or (outage.is_blind(now_s) and now_s - outage.since_s > _BLIND_S)
    )
    return Supply.ENDING if is_over else Supply.BATTERY
