# SPDX-License-Identifier: Apache-2.0
"""The processor's own energy counters, where this process may read them."""

from collections.abc import Callable

from atre.hardware.tree import Tree
from atre.power.asleep import asleep_s
from atre.power.powercap import PSYS, Domain, read_domains
from atre.power.reading import Basis, Reading, Scope
from atre.power.samplers.energy_counter import EnergyCounter
from atre.sentence import Sentence

FORBIDDEN = Sentence(
    "The processor’s energy counter is kept from ordinary programs (CVE-2020-8694). Install the "
    "reader that gives one value a second: systemd/README.md, “Energy of the processor”.",
    "Le compteur d’énergie du processeur est fermé aux programmes ordinaires (CVE-2020-8694). "
    "Installez le lecteur qui donne une valeur par seconde : systemd/README.md, « Energy of the "
    "processor ».",
)
_UNREADABLE = Sentence(
    "The processor’s energy counter gives no number; its driver may be too old for this processor.",
    "Le compteur d’énergie du processeur ne donne pas de nombre ; son pilote est peut-être trop "
    "ancien pour ce processeur.",
)


class RaplFiles:
    """Reads the counters from the powercap tree; a Sampler."""

    def __init__(self, tree: Tree, slept_s: Callable[[], float] = asleep_s) -> None:
        self._tree, self._slept_s = tree, slept_s
        self._counters: dict[str, EnergyCounter] = {}

    def read(self, now_s: float) -> list[Reading]:
        self._tree.issues.clear()
        return [self._reading(domain, now_s) for domain in read_domains(self._tree)]

    def close(self) -> None:
        """Nothing is held open."""

    def _reading(self, domain: Domain, now_s: float) -> Reading:
        counter = self._counters.setdefault(
            domain.name,
            EnergyCounter(f"rapl:{domain.name}", _scope(domain.name), unit_j=1e-6),
        )
        if domain.count_uj is None:
            return counter.silent(now_s, FORBIDDEN if domain.is_forbidden else _UNREADABLE)
        return counter.count(domain.count_uj, now_s, self._slept_s(), domain.range_uj)


def _scope(domain: str) -> Scope:
    return Scope.PLATFORM if domain.startswith(PSYS) else Scope.PACKAGE


def silent_domains(tree: Tree, now_s: float, reason: Sentence) -> list[Reading]:
    """One reading a domain that says why it cannot be read; names are readable by anybody."""
    tree.issues.clear()
    return [
        Reading(
            source=f"rapl:{domain.name}",
            scope=_scope(domain.name),
            basis=Basis.COUNTER,
            at_s=now_s,
            reason=reason,
        )
        for domain in read_domains(tree)
    ]
