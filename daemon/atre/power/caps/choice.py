# SPDX-License-Identifier: Apache-2.0
"""How far power is capped while the box saves, as a part of what the hardware is made for. Pure."""

from collections.abc import Mapping, Sequence

from atre.ipc.cap_messages import CapBasis, CapFigures, CapKind, CapState
from atre.power.thread_choice import LEAST_SPEED, Work

UNCAPPED = 1.0
# What a processor or a card takes grows faster than its speed near its limit; a bit more than half
# of it is where makers' own low-power models of the same chip stand.
PLAIN = 0.6
_LEVELS = (PLAIN, 0.8, 0.45, UNCAPPED)
_SAVING_STEP = 2.0


def choose(
    done: Mapping[float, Work], full_speed: float | None, *, has_meter: bool
) -> tuple[float, CapBasis]:
    """The level, and why. ``done`` is the work by level with the number of threads in force.

    ``full_speed`` is that of all threads without a cap, in tokens a second; None while the number
    of threads is still being measured.
    """
    if not has_meter:
        return PLAIN, CapBasis.PLAIN
    if full_speed is None:
        return UNCAPPED, CapBasis.LATER
    tried = {level: done.get(level, Work()) for level in _LEVELS}
    for level, work in tried.items():
        if not work.is_enough:
            return level, CapBasis.TRIAL
    fast = [n for n in tried if tried[n].speed >= LEAST_SPEED * full_speed] or [UNCAPPED]
    # Of equals the faster.
    return min(fast, key=lambda n: (tried[n].j_token, -n)), CapBasis.MEASURED


def values(states: Sequence[CapState], level: float) -> dict[str, float]:
    """What to hold of the caps as they are, none without a cap.

    A part of what was set before or of what the hardware is made for, the lower of the two.
    """
    if level >= UNCAPPED:
        return {}
    wanted = {}
    for state in states:
        before = state.before if state.before is not None else state.now
        if before is None:
            continue
        if state.kind is CapKind.PREFERENCE:
            wanted[state.name] = _SAVING_STEP
        else:
            wanted[state.name] = level * min(before, state.usual or before)
    return wanted


def figures(done: Mapping[float, Work]) -> list[CapFigures]:
    """What is known of each level, the highest first."""
    return [
        CapFigures(
            level=level,
            power_w=work.energy_j / work.seconds,
            tokens_s=work.speed,
            j_token=work.j_token,
        )
        for level, work in sorted(done.items(), reverse=True)
        if work.is_enough
    ]
