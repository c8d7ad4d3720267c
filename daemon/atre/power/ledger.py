# SPDX-License-Identifier: Apache-2.0
"""What each answer took, and what the machine took for everything else."""

import math
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from statistics import median
from typing import Protocol

from atre.ipc.energy_messages import EnergyBucket, EnergyShares, RequestEnergy
from atre.ipc.power_basis import Basis
from atre.ipc.work_messages import WorkDone, request_id
from atre.power.attribution import Attribution, Energy, Rates, attribute, clip
from atre.power.rates import LearnedRates
from atre.power.thread_choice import Work
from atre.power.trace import PowerTrace

_NUM_KEPT = 2000  # requests whose energy can still be asked for
_NUM_PENDING = 4096
_TRANSIT_S = 0.25  # within it the word that the engine begins to work has arrived
_AWAY_S = 10.0  # who lost the engine for longer does not wait for what it did meanwhile
_LATE_S = 60.0  # no source takes longer to tell of a moment
_BUSY_S = 1.5  # the meter asks once a second
_NUM_WAITING = 64  # whoever asks waits for a twentieth of a second

Reply = Callable[[RequestEnergy], None]


class Machine(Protocol):
    """What the meter knows of the machine's power besides the trace."""

    @property
    def idle_w(self) -> float | None:
        """What it takes without work."""

    @property
    def public_source(self) -> str:
        """Where its power is read, as anybody may know it."""


class EnergyLedger:
    """Joins the engine's records with the trace, as soon as both are known of a moment.

    Until then a request's energy is partly a guess, from what work was last seen to take. For any
    thread; ``add``, ``lose`` and ``settle`` are called by the one that hears the engine.
    """

    def __init__(
        self, trace: PowerTrace, machine: Machine, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._trace = trace
        self._machine = machine
        self._clock = clock
        self._lock = threading.RLock()
        self._learned = LearnedRates()
        self._pending: deque[WorkDone] = deque(maxlen=_NUM_PENDING)
        self._settled_s = -math.inf
        self._accounts: OrderedDict[str, Energy] = OrderedDict()
        self._ended: OrderedDict[str, float] = OrderedDict()
        self._closing: deque[tuple[float, str]] = deque(maxlen=_NUM_KEPT)
        self._answers_j: deque[float] = deque(maxlen=_NUM_KEPT)
        self._totals = Attribution()
        self._requests_j = 0.0
        self._tokens = self._busy_s = 0.0
        self._last: WorkDone | None = None
        self._lost_s: float | None = clock() - _AWAY_S
        self._waiting: list[tuple[Sequence[str], Reply]] = []

    @property
    def last(self) -> tuple[str, int]:
        """The start of the engine and the number of the record that was heard last."""
        with self._lock:
            return (self._last.start, self._last.number) if self._last else ("", 0)

    def add(self, record: WorkDone) -> None:
        """Take note of the engine's next record."""
        with self._lock:
            self._last = record
            self._lost_s = None
            self._learned.see_cost(record.prompt_row_cost)
            self._pending.append(record)
            self._count(record)
            for number in record.ended:
                name = request_id(record.start, number)
                self._ended[name] = record.end_s
                self._closing.append((record.end_s, name))
            while len(self._ended) > _NUM_KEPT:
                self._ended.popitem(last=False)
            due = [each for each in self._waiting if self._is_ready(each[0])]
            self._waiting = [each for each in self._waiting if each not in due]
        for request_ids, reply in due:
            reply(self.describe(request_ids))

    def hear(self) -> None:
        """The engine can be heard; it tells what it does."""
        with self._lock:
            self._lost_s = None

    def lose(self) -> None:
        """The engine is gone, or there is none."""
        with self._lock:
            if self._lost_s is None:
                self._lost_s = self._clock()
            waiting, self._waiting = self._waiting, []
        for request_ids, reply in waiting:
            reply(self.describe(request_ids))

    def is_busy(self) -> bool | None:
        """Whether the engine works, or just did; None while nobody can tell."""
        with self._lock:
            if self._lost_s is not None:
                return None
            last = self._last
            return last is not None and (last.goes_on or self._clock() - last.end_s < _BUSY_S)

    def settle(self) -> None:
        """Share out the energy of the time that is known by now."""
        with self._lock:
            latest = self._trace.latest()
            now_s = self._clock()
            heard_s = self._heard_until(now_s)
            # What no source tells of any more is a gap; on a machine without any, all of it.
            metered_s = max(latest.end_s if latest else -math.inf, now_s - _LATE_S)
            until_s = min(heard_s, metered_s)
            if until_s <= self._settled_s:
                return
            found = attribute(
                self._trace.between(self._settled_s, until_s),
                clip(self._pending, self._settled_s, until_s),
                self._rates(),
            )
            self._settled_s = until_s
            while self._pending and self._pending[0].end_s <= until_s:
                self._pending.popleft()
            self._enter(found)

    def ask(self, request_ids: Sequence[str], reply: Reply) -> None:
        """Call ``reply`` once the engine's last record of these has come, which may be now."""
        if not self._machine.public_source:
            reply(RequestEnergy(is_metered=False))
            return
        with self._lock:
            if self._lost_s is None and not self._is_ready(request_ids):
                del self._waiting[:-_NUM_WAITING]  # those have long ceased to wait
                self._waiting.append((request_ids, reply))
                return
        reply(self.describe(request_ids))

    def describe(self, request_ids: Sequence[str]) -> RequestEnergy:
        """What these took together, as far as it is known now."""
        with self._lock:
            rates = self._rates()
            recent = attribute(
                self._trace.between(self._settled_s, math.inf),
                clip(self._pending, self._settled_s, math.inf),
                rates,
            ).requests
            whole = Energy()
            for name in request_ids:
                parts = [each[name] for each in (self._accounts, recent) if name in each]
                if not parts:
                    return RequestEnergy()
                for part in parts:
                    whole.add(part)
            return _told(whole, self._machine.public_source)

    def shares(self) -> EnergyShares:
        """Where the energy went, and what answers take."""
        with self._lock:
            answers = sorted(self._answers_j)
            return EnergyShares(
                requests_j=self._requests_j,
                idle_j=self._totals.idle_j,
                other_j=self._totals.other_j,
                prompt_weight=self._learned.prompt_weight,
                is_calibrated=self._learned.is_calibrated,
                answers=buckets(answers),
                median_j=median(answers) if answers else None,
            )

    def work(self) -> Work:
        """All that the engine did since the start; its energy lags a moment behind."""
        with self._lock:
            return Work(energy_j=self._requests_j, tokens=self._tokens, seconds=self._busy_s)

    def _count(self, record: WorkDone) -> None:
        weight = self._learned.prompt_weight
        self._tokens += sum(rows.decode + weight * rows.prompt for rows in record.rows)
        self._busy_s += record.end_s - record.begin_s

    def _heard_until(self, now_s: float) -> float:
        """Up to when all work is known."""
        if self._lost_s is not None:
            return now_s if now_s - self._lost_s >= _AWAY_S else self._settled_s
        if self._last is not None and self._last.goes_on:
            return self._last.end_s
        return now_s - _TRANSIT_S

    def _rates(self) -> Rates:
        return self._learned.rates(self._machine.idle_w)

    def _is_ready(self, request_ids: Sequence[str]) -> bool:
        return all(name in self._ended for name in request_ids)

    def _enter(self, found: Attribution) -> None:
        self._learned.learn(found)
        self._totals.idle_j += found.idle_j
        self._totals.other_j += found.other_j
        self._requests_j += found.requests_j
        for name, energy in found.requests.items():
            self._accounts.setdefault(name, Energy()).add(energy)
            self._accounts.move_to_end(name)
        while len(self._accounts) > _NUM_KEPT:
            self._accounts.popitem(last=False)
        while self._closing and self._closing[0][0] <= self._settled_s:
            _, name = self._closing.popleft()
            energy_j = _told(self._accounts.get(name, Energy()), "").j
            if energy_j is not None:
                self._answers_j.append(energy_j)


def buckets(answers_j: Sequence[float]) -> list[EnergyBucket]:
    """How many answers took how much, in buckets that double; without empty ones at the ends."""
    counts = Counter(max(0, math.ceil(math.log2(j))) if j > 1 else 0 for j in answers_j)
    if not counts:
        return []
    return [
        EnergyBucket(
            from_j=2.0 ** (power - 1) if power else 0.0, to_j=2.0**power, count=counts[power]
        )
        for power in range(min(counts), max(counts) + 1)
    ]


def _told(energy: Energy, source: str) -> RequestEnergy:
    """An account as it is told; what is missing of it is taken like what is known."""
    j, inferred_j = energy.j, energy.inferred_j
    idle_j = energy.j_idle_share
    if energy.unknown_s > 0:
        if energy.known_s == 0:
            return RequestEnergy()
        missing = energy.unknown_s / energy.known_s
        inferred_j += j * missing
        j, idle_j = j * (1 + missing), idle_j * (1 + missing)
    j, inferred_j = j + energy.guessed_j, inferred_j + energy.guessed_j
    if energy.basis is None and energy.guessed_j == 0:
        return RequestEnergy()
    return RequestEnergy(
        j=j,
        j_idle_share=None if energy.holds_idle else idle_j + energy.guessed_idle_j,
        basis=energy.basis or Basis.ESTIMATE,
        source=source,
        uncertainty=min(1.0, inferred_j / j) if j > 0 else 1.0,
    )
