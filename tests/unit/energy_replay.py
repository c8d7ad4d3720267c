# SPDX-License-Identifier: Apache-2.0
"""Recorded work of a real engine on a made machine, told to a ledger as it would be told live."""

import itertools
import random
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.ipc.power_basis import Basis
from atre.ipc.work_messages import WorkDone, request_id
from atre.power.ledger import EnergyLedger
from atre.power.trace import PowerTrace, Span

RECORDS = Path(__file__).parent / "work_records"
IDLE_W, WORK_W = 12.0, 26.0
BEGIN_S = 1000.0
_GRAIN_S = 0.01
_REST_S = 20.0


@dataclass
class Machine:
    """What a meter would know."""

    idle_w: float | None = IDLE_W
    public_source: str = "counter:rapl:psys"


@dataclass
class Meter:
    """How the machine's energy is read: every so often, not at all at times, as a sensor would.

    ``resolution_j`` is what a counter counts in; ``scatter`` the relative error of a span.
    """

    period_s: float = 1.0
    jitter_s: float = 0.0
    gap: float = 0.0
    resolution_j: float = 0.0
    scatter: float = 0.0
    basis: Basis = Basis.COUNTER
    late_s: float = 0.05


@dataclass
class Replay:
    """The machine's true power by hundredths of a second, and a ledger that hears of it."""

    work: list[WorkDone]
    meter: Meter
    seed: int = 1
    other_w: float = 0.0
    now_s: float = BEGIN_S - 1
    trace: PowerTrace = field(default_factory=PowerTrace)
    machine: Machine = field(default_factory=Machine)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.ledger = EnergyLedger(self.trace, self.machine, clock=lambda: self.now_s)
        self.end_s = self.work[-1].end_s + _REST_S
        self._joules = self._truth()

    def true_j(self, start_s: float, end_s: float) -> float:
        """What the machine really took."""
        first, last = (round((at_s - BEGIN_S) / _GRAIN_S) for at_s in (start_s, end_s))
        return self._joules[min(last, len(self._joules) - 1)] - self._joules[max(0, first)]

    def run(self) -> None:
        """Tell the ledger of everything at the time at which it would hear of it."""
        spans = list(self.spans())
        events: list[tuple[float, int, WorkDone | Span | None]] = []
        events += [(record.end_s + 0.001, 0, record) for record in self.work]
        events += [(span.end_s + self.meter.late_s, 1, span) for span in spans]
        events += [(BEGIN_S + second, 2, None) for second in range(int(self.end_s - BEGIN_S) + 40)]
        self.ledger.hear()
        for at_s, _, event in sorted(events, key=lambda each: each[:2]):
            self.now_s = at_s
            match event:
                case WorkDone():
                    self.ledger.add(event)
                case Span():
                    self.trace.append(event)
                case None:
                    self.ledger.settle()

    def spans(self) -> list[Span]:
        """What the meter says."""
        found, at_s, rest_j = [], BEGIN_S, 0.0
        while at_s < self.end_s:
            until_s = at_s + self.meter.period_s + self.dice.uniform(-1, 1) * self.meter.jitter_s
            energy_j = self.true_j(at_s, until_s) * max(0.0, self.dice.gauss(1, self.meter.scatter))
            if self.meter.resolution_j:
                counted = (energy_j + rest_j) // self.meter.resolution_j * self.meter.resolution_j
                energy_j, rest_j = counted, energy_j + rest_j - counted
            if self.dice.random() >= self.meter.gap:
                found.append(Span(at_s, until_s, energy_j, self.meter.basis))
            at_s = until_s
        return found

    @property
    def request_ids(self) -> list[str]:
        return [request_id(each.start, number) for each in self.work for number in each.ended]

    def _truth(self) -> list[float]:
        joules, at_s, noise = [0.0], BEGIN_S, 0.0
        busy = [(each.begin_s, each.end_s) for each in self.work if each.rows]
        while at_s < self.end_s + 30:
            works = any(begin_s <= at_s < end_s for begin_s, end_s in busy)
            noise = 0.9 * noise + 0.1 * self.dice.gauss(0, 1)
            watts = IDLE_W + self.other_w + WORK_W * works + noise * (2 if works else 0.3)
            joules.append(joules[-1] + watts * _GRAIN_S)
            at_s += _GRAIN_S
        return joules


def recorded(num_streams: int, *, times: int = 3) -> list[WorkDone]:
    """What the engine told, several times over with a pause between; each time another start."""
    lines = (RECORDS / f"{num_streams}-streams.jsonl").read_bytes().splitlines()
    records = [msgspec.json.decode(line, type=WorkDone) for line in lines]
    length_s = records[-1].end_s - records[0].begin_s + 4.0
    return [
        replace(
            record,
            start=f"{record.start}{turn}",
            begin_s=record.begin_s - records[0].begin_s + BEGIN_S + 5 + turn * length_s,
            end_s=record.end_s - records[0].begin_s + BEGIN_S + 5 + turn * length_s,
        )
        for turn, record in itertools.product(range(times), records)
    ]
