# SPDX-License-Identifier: Apache-2.0
"""How far power is capped now, and what was learnt of each level."""

from collections.abc import Mapping, Sequence

from atre.ipc.cap_messages import CapBasis, CapReport, CapState
from atre.power.caps.choice import UNCAPPED, choose, figures, values
from atre.power.caps.client import Caps
from atre.power.thread_choice import Work


class CapKeeper:
    """Holds what ``choice`` says in every one of ``holders``; not for several threads at once."""

    def __init__(self, holders: Sequence[Caps] = ()) -> None:
        self._holders = holders
        self._states: list[list[CapState]] = [[] for _ in holders]
        self._level, self._basis = UNCAPPED, CapBasis.OFF

    @property
    def level(self) -> float:
        """The level that is in force; 1 where nothing is capped."""
        return self._level

    def beat(
        self, done: Mapping[float, Work], full_speed: float | None, *, is_on: bool, has_meter: bool
    ) -> None:
        """Choose and hold; arguments are those of ``choice.choose``."""
        level, basis = UNCAPPED, CapBasis.OFF
        if is_on:
            level, basis = choose(done, full_speed, has_meter=has_meter)
        self._states = [
            holder.hold(values(states, level))
            for holder, states in zip(self._holders, self._states, strict=True)
        ]
        is_held = any(state.before is not None for states in self._states for state in states)
        if level < UNCAPPED and not is_held:
            level, basis = UNCAPPED, CapBasis.OFF
        self._level, self._basis = level, basis

    def report(self, done: Mapping[float, Work]) -> CapReport:
        return CapReport(
            level=self._level,
            basis=self._basis,
            caps=[state for states in self._states for state in states],
            figures=figures(done),
        )

    def close(self) -> None:
        for holder in self._holders:
            holder.close()
