# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

from atre.burn_in.findings import Findings
from atre.burn_in.probe import Probe
from atre.burn_in.results import (
    DiskResult,
    MemoryResult,
    PowerResult,
    SoakResult,
    ThermalResult,
)
from atre.burn_in.turn import Turn

# The engine heats the machine most, and shows by its speed whether it can bear that.
_SHARES = {"memory": 0.25, "disk": 0.15, "engine": 0.6}

Step = Literal["memory", "disk", "engine"]
# Hears what is tested, which part of the whole is done, and how many seconds are left.
Progress = Callable[[Step, float, float], None]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What is put to the test; ``soak`` is None where no model can run, and ``no_soak`` says why.

    ``thermals`` and ``power`` watch while the others work in turn.
    """

    memory: Probe[MemoryResult]
    disk: Probe[DiskResult]
    soak: Probe[SoakResult] | None
    thermals: Probe[ThermalResult]
    power: Probe[PowerResult]
    no_soak: str = ""


def run(probes: Probes, seconds: float, on_progress: Progress) -> Findings:
    """Put a unit to the test for about so long. Whatever ends it, Ctrl-C too, ends every probe."""
    # A watcher is told to end; the time of a probe that works past its turn is watched too.
    watch = Turn(float("inf"))
    with ThreadPoolExecutor(2, thread_name_prefix="burn-in") as beside:
        try:
            thermals: Future[ThermalResult] = beside.submit(probes.thermals.run, watch)
            power: Future[PowerResult] = beside.submit(probes.power.run, watch)
            memory = probes.memory.run(_turn("memory", seconds, on_progress))
            disk = probes.disk.run(_turn("disk", seconds, on_progress))
            soak = probes.soak.run(_turn("engine", seconds, on_progress)) if probes.soak else None
        finally:
            watch.end()
        return Findings(
            memory=memory,
            disk=disk,
            soak=soak,
            thermals=thermals.result(),
            power=power.result(),
            no_soak=probes.no_soak,
        )


def _turn(step: Step, seconds: float, on_progress: Progress) -> Turn:
    steps = list(_SHARES)
    before = sum(_SHARES[each] for each in steps[: steps.index(step)])

    def tell(part: float) -> None:
        done = before + part * _SHARES[step]
        on_progress(step, done, max(0.0, seconds * (1 - done)))

    return Turn(seconds * _SHARES[step], tell)
