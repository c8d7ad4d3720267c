# SPDX-License-Identifier: Apache-2.0
"""A hardware energy counter, watched: wraps joined, what cannot be true left out."""

from atre.power.reading import Basis, Reading, Scope
from atre.sentence import Sentence

_SLEPT_S = 0.2  # the two clocks are not read in the same instant
_STALLED_S = 10.0  # a counter that moves at all moves at least that often
_FIRST = Sentence(
    "The counter has been read once; the next reading gives the power.",
    "Le compteur a été lu une fois ; la lecture suivante donnera la puissance.",
)
_SLEPT = Sentence(
    "The machine slept meanwhile; nothing is known about that time.",
    "La machine était en veille ; on ne sait rien de ce temps-là.",
)
_BACKWARDS = Sentence(
    "The counter went backwards, as after a restart of its driver; it is watched anew.",
    "Le compteur a reculé, comme après un redémarrage de son pilote ; il est suivi de nouveau.",
)
_ABSURD = Sentence(
    "The counter jumped by more than this hardware can take; it is watched anew.",
    "Le compteur a fait un bond que ce matériel ne peut consommer ; il est suivi de nouveau.",
)
_TOO_LATE = Sentence(
    "The counter was not read for so long that it may have started again from 0 meanwhile.",
    "Le compteur n’a pas été lu depuis si longtemps qu’il a pu repartir de 0 entre-temps.",
)
_STALLED = Sentence(
    "The counter stands still: this hardware or its firmware does not fill it.",
    "Le compteur ne bouge pas : ce matériel ou son micrologiciel ne le remplit pas.",
)


class EnergyCounter:
    """Makes readings of one counter of ``unit_j`` joules a step.

    ``max_power_w`` is what the hardware cannot exceed. After anything that makes an interval
    unknown, ``energy_j`` begins again at 0, so that no later difference spans it.
    """

    def __init__(
        self, source: str, scope: Scope, *, unit_j: float, max_power_w: float = 3000.0
    ) -> None:
        self._reading = Reading(source=source, scope=scope, basis=Basis.COUNTER, at_s=0.0)
        self._unit_j, self._max_power_w = unit_j, max_power_w
        self._count: int | None = None
        self._asleep_s = 0.0
        self._moved_s = 0.0
        self._is_stalled = False

    def silent(self, at_s: float, reason: Sentence) -> Reading:
        """There is no count now; what comes next is watched anew."""
        self._count = None
        return self._told(at_s=at_s, reason=reason)

    def count(self, count: int, at_s: float, asleep_s: float, wraps_at: int | None) -> Reading:
        """The reading for a count; a counter that has not moved keeps its last one for a while.

        ``asleep_s`` is as in ``atre.power.asleep``; ``wraps_at`` is where the counter starts again
        from 0, None if never.
        """
        if self._count is None or (self._is_stalled and count != self._count):
            return self._begin(count, at_s, asleep_s, _FIRST)
        if asleep_s - self._asleep_s > _SLEPT_S:
            return self._begin(count, at_s, asleep_s, _SLEPT)
        elapsed_s = at_s - self._moved_s
        if count == self._count or elapsed_s <= 0:
            return self._unmoved(at_s)
        joules = _steps(self._count, count, wraps_at) * self._unit_j
        most_j = elapsed_s * self._max_power_w
        if wraps_at is not None and most_j >= wraps_at * self._unit_j:
            return self._begin(count, at_s, asleep_s, _TOO_LATE)
        if not 0 <= joules <= most_j:
            return self._begin(count, at_s, asleep_s, _BACKWARDS if joules < 0 else _ABSURD)
        self._count, self._moved_s = count, at_s
        energy_j = (self._reading.energy_j or 0.0) + joules
        return self._told(at_s=at_s, energy_j=energy_j, power_w=joules / elapsed_s)

    def _unmoved(self, at_s: float) -> Reading:
        if at_s - self._moved_s <= _STALLED_S:
            return self._reading
        self._is_stalled = True
        return self._told(at_s=at_s, reason=_STALLED)

    def _begin(self, count: int, at_s: float, asleep_s: float, reason: Sentence) -> Reading:
        self._count, self._moved_s, self._asleep_s = count, at_s, asleep_s
        self._is_stalled = False
        return self._told(at_s=at_s, energy_j=0.0, reason=reason)

    def _told(
        self,
        *,
        at_s: float,
        energy_j: float | None = None,
        power_w: float | None = None,
        reason: Sentence | None = None,
    ) -> Reading:
        self._reading = Reading(
            source=self._reading.source,
            scope=self._reading.scope,
            basis=self._reading.basis,
            at_s=at_s,
            energy_j=energy_j,
            power_w=power_w,
            reason=reason,
        )
        return self._reading


def _steps(before: int, after: int, wraps_at: int | None) -> int:
    """How far the counter went, over the end of its range if that is where it was."""
    if after < before and wraps_at is not None and before <= wraps_at:
        return after - before + wraps_at
    return after - before
