# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

from atre.power.reading import Basis, Reading, Scope
from atre.power.ups.state import UpsState
from atre.power.ups.watch import Heard
from atre.sentence import Sentence


class UpsSampler:
    """What the UPS feeds: this machine and all else that is plugged into it.

    The watch asks on its own thread; a sample is its last word.
    """

    def __init__(self, heard: Callable[[], Heard]) -> None:
        self._heard = heard

    def read(self, now_s: float) -> list[Reading]:
        """One reading, or none while no UPS was ever heard and none is missing."""
        heard = self._heard()
        state = heard.state
        if state is None and heard.problem is None:
            return []
        reason = heard.problem or (None if state is None else _reason(state))
        is_known = state is not None and reason is None
        return [
            Reading(
                source=f"ups:{state.name if state else ''}",
                scope=Scope.WALL,
                basis=state.power_basis if state and is_known else Basis.UNKNOWN,
                at_s=heard.heard_s if state else now_s,
                power_w=state.power_w if state and is_known else None,
                reason=reason,
            )
        ]

    def close(self) -> None:
        """Nothing is held: the watch has an owner of its own."""


def _reason(state: UpsState) -> Sentence | None:
    if state.power_w is not None:
        return None
    if state.load is not None:
        return Sentence(
            "The UPS tells its load in percent only. Enter what it may bear, in watts.",
            "L’onduleur ne donne sa charge qu’en pourcentage. Indiquez sa puissance nominale, en "
            "watts.",
        )
    return Sentence(
        "The UPS does not tell what it feeds.", "L’onduleur ne dit pas ce qu’il alimente."
    )
