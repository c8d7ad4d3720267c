# SPDX-License-Identifier: Apache-2.0
from typing import Literal

from atre.hardware.machine import Cpu
from atre.sentence import Sentence

ThreadPolicy = Literal["performance", "physical", "logical"] | int


def count_threads(cpu: Cpu, policy: ThreadPolicy) -> tuple[int, Sentence]:
    """Compute threads for this processor, and why, in one sentence.

    They wait for each other at barriers, so one more than there are free cores slows all of them:
    a CPU quota or affinity of this process wins over the policy.
    """
    wanted, basis = (
        (policy, Sentence("set by the profile", "fixé par le profil"))
        if isinstance(policy, int)
        else _cores(cpu, policy)
    )
    limits = [limit for limit in (cpu.quota_cpus, cpu.allowed_cpus) if limit is not None]
    allowed = max(1, int(min(limits, default=wanted)))
    if allowed < wanted:
        return allowed, _counted(
            allowed,
            Sentence(
                "this process may use no more CPU time",
                "ce processus n’a pas droit à plus de temps de calcul",
            ),
        )
    return wanted, _counted(wanted, basis)


def _cores(cpu: Cpu, policy: str) -> tuple[int, Sentence]:
    if policy == "performance" and cpu.performance_cores:
        each = Sentence("one for each performance core", "un par cœur performant")
        return cpu.performance_cores, each
    if policy != "logical" and cpu.physical_cores:
        return cpu.physical_cores, Sentence("one for each physical core", "un par cœur physique")
    if cpu.logical_cpus:
        return cpu.logical_cpus, Sentence("one for each CPU", "un par processeur logique")
    return 1, Sentence("the number of cores is unknown", "le nombre de cœurs est inconnu")


def _counted(num_threads: int, basis: Sentence) -> Sentence:
    return Sentence(
        f"{num_threads} thread{'' if num_threads == 1 else 's'}: {basis.text}.",
        f"{num_threads} fil{'' if num_threads == 1 else 's'} d’exécution\N{NO-BREAK SPACE}: "
        f"{basis.text_fr}.",
    )
