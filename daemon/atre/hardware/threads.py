# SPDX-License-Identifier: Apache-2.0
from typing import Literal

from atre.hardware.machine import Cpu

ThreadPolicy = Literal["performance", "physical", "logical"] | int


def count_threads(cpu: Cpu, policy: ThreadPolicy) -> tuple[int, str]:
    """Compute threads for this processor, and why, in one sentence.

    They wait for each other at barriers, so one more than there are free cores slows all of them:
    a CPU quota or affinity of this process wins over the policy.
    """
    wanted, basis = (
        (policy, "set by the profile") if isinstance(policy, int) else _cores(cpu, policy)
    )
    limits = [limit for limit in (cpu.quota_cpus, cpu.allowed_cpus) if limit is not None]
    allowed = max(1, int(min(limits, default=wanted)))
    if allowed < wanted:
        return allowed, f"{_counted(allowed)}: this process may use no more CPU time."
    return wanted, f"{_counted(wanted)}: {basis}."


def _cores(cpu: Cpu, policy: str) -> tuple[int, str]:
    if policy == "performance" and cpu.performance_cores:
        return cpu.performance_cores, "one for each performance core"
    if policy != "logical" and cpu.physical_cores:
        return cpu.physical_cores, "one for each physical core"
    if cpu.logical_cpus:
        return cpu.logical_cpus, "one for each CPU"
    return 1, "the number of cores is unknown"


def _counted(num_threads: int) -> str:
    return f"{num_threads} thread{'' if num_threads == 1 else 's'}"
