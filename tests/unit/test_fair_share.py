# SPDX-License-Identifier: Apache-2.0
"""The bounds that ``FairShare`` states, on random loads.

Service is counted here from what was admitted and computed, not asked of the scheduler.
"""

import itertools
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from atre.engine.fair_share import FairShare
from atre.engine.pace import FixedPace
from atre.engine.prefix_cache import PrefixCache
from atre.engine.scheduler import Scheduler
from atre.engine.sequence import Sequence, Status
from atre.ipc.messages import Priority

MOST_STEPS = 600
FIRST_SEED = 1000  # among the hundred from here are loads that catch each rule when it is broken
RANK = [Priority.CHAT, Priority.API, Priority.BACKGROUND]


@dataclass
class Person:
    """Somebody of one class, who has up to ``at_once`` requests open from ``arrives`` on."""

    name: str
    priority: Priority
    arrives: int
    at_once: int
    prompt: int
    answer: int
    # From ``floods`` on, so many requests at once.
    floods: int | None
    flood: int
    open: list[Sequence] = field(default_factory=list)

    @property
    def is_waiting(self) -> bool:
        return any(sequence.status is Status.WAITING for sequence in self.open)

    @property
    def dearest(self) -> int:
        """The most that one of the requests can be charged."""
        return self.prompt + 2 * self.answer


@dataclass
class Wait:
    """How long somebody has waited for his turn, and what was charged meanwhile."""

    charged: float = 0.0
    steps: int = 0


class Office:
    """A scheduler and the people who use it. No two prompts begin alike: nothing is shared."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.max_running = self.rng.randint(1, 4)
        self.people = [self._person(number) for number in range(self.rng.randint(2, 5))]
        window = max(person.prompt + person.answer for person in self.people)
        num_cells = self.rng.randint(window, self.max_running * window)
        kv = PrefixCache(num_cells=num_cells, num_slots=2 * self.max_running)
        pace = FixedPace(self.max_running + self.rng.randint(0, 30))
        self.scheduler = Scheduler(kv, max_running=self.max_running, pace=pace)
        self.served: Counter[str] = Counter()
        self.num_requests = 0
        self.admitted: set[str] = set()  # who had a request admitted in the last step

    @property
    def bound(self) -> int:
        """U of the docstring."""
        return self.max_running * max(person.dearest for person in self.people)

    def step(self, now: int) -> int:
        """Let everybody ask and one batch be computed; what was charged for it."""
        for person in self.people:
            self._ask(person, now)
        before = {*self.scheduler.running}
        batch = self.scheduler.schedule()
        costs: Counter[str] = Counter()
        admitted = [each for each in self.scheduler.running if each not in before]
        for sequence in admitted:
            costs[sequence.user] += sequence.num_uncomputed
        self.admitted = {sequence.user for sequence in admitted}
        sampled = {chunk.sequence.id: [1] for chunk in batch if chunk.is_last}
        self.scheduler.update(batch, sampled)
        for sequence in (chunk.sequence for chunk in batch if chunk.sequence.id in sampled):
            costs[sequence.user] += 2
            if sequence.num_completion == sequence.max_tokens:
                self.scheduler.finish(sequence)
        self.served += costs
        return costs.total()

    def _ask(self, person: Person, now: int) -> None:
        person.open = [each for each in person.open if each.status is not Status.FINISHED]
        wanted = 0 if now < person.arrives else person.at_once
        if person.floods is not None and now >= person.floods:
            wanted = person.flood
        if person.open and self.rng.random() < 0.01:  # somebody loses patience
            self.scheduler.finish(person.open.pop(self.rng.randrange(len(person.open))))
        while len(person.open) < wanted:
            self.num_requests += 1
            num_prompt = self.rng.randint(1, person.prompt)
            sequence = Sequence(
                id=self.num_requests,
                tokens=[self.num_requests] * num_prompt,
                num_prompt=num_prompt,
                max_tokens=self.rng.randint(1, person.answer),
                user=person.name,
                priority=person.priority,
            )
            person.open.append(sequence)
            self.scheduler.add(sequence)

    def _person(self, number: int) -> Person:
        rng = self.rng
        size = rng.choice([8, 20])
        return Person(
            name=f"person {number}",
            # Mostly one class, so that many compare.
            priority=rng.choices(RANK, weights=[6, 2, 1])[0],
            arrives=rng.choice([0, 0, rng.randint(0, MOST_STEPS // 2)]),
            at_once=rng.choice([1, 1, 2, 12]),
            prompt=rng.randint(1, size),
            answer=rng.randint(1, size),
            floods=rng.choice([None, rng.randint(0, MOST_STEPS)]),
            flood=rng.choice([0, 3, 30]),
        )


class Differences:
    """By how much the service of two people came to differ while both waited."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._spans: dict[tuple[str, str], tuple[int, int]] = {}
        self.used = 0.0  # the largest one, as a share of 2 U

    def note(self) -> None:
        served = self._office.served
        waiting = [person for person in self._office.people if person.is_waiting]
        spans = {}
        for one, other in itertools.combinations(waiting, 2):
            if one.priority is other.priority:
                difference = served[one.name] - served[other.name]
                pair = one.name, other.name
                low, high = self._spans.get(pair, (difference, difference))
                low, high = spans[pair] = min(low, difference), max(high, difference)
                self.used = max(self.used, (high - low) / (2 * self._office.bound))
        self._spans = spans


class Waits:
    """What was charged while somebody of the highest class waited for his turn."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._open: dict[str, Wait] = {}
        self.used = 0.0  # the most that was charged, or that it took in steps, of (2 n - 1) U
        self.num_ended = 0

    def note(self, charged: int) -> None:
        people, admitted = self._office.people, self._office.admitted
        rank = {person.name: RANK.index(person.priority) for person in people}
        served = [each.name for each in people if each.is_waiting or each.name in admitted]
        highest = min((rank[name] for name in served), default=None)
        for person in people:
            if person.name in admitted:
                self.num_ended += person.name in self._open
            if person.name in admitted or not person.is_waiting or rank[person.name] != highest:
                self._open.pop(person.name, None)
                continue
            wait = self._open.setdefault(person.name, Wait())
            wait.charged += charged
            wait.steps += 1
            num_people = sum(other.priority is person.priority for other in people)
            most = (2 * num_people - 1) * self._office.bound
            self.used = max(self.used, wait.charged / most, wait.steps / most)


def run(seed: int) -> tuple[Differences, Waits]:
    office = Office(seed)
    differences, waits = Differences(office), Waits(office)
    for now in range(MOST_STEPS):
        waits.note(office.step(now))
        differences.note()
    return differences, waits


@pytest.mark.parametrize("block", range(4))
def test_nobody_is_served_less_or_waits_longer_than_the_bounds_allow(block: int) -> None:
    results = [run(seed) for seed in range(FIRST_SEED + 25 * block, FIRST_SEED + 25 * block + 25)]
    differences, waits = [each for each, _ in results], [each for _, each in results]
    assert max(each.used for each in differences) <= 1
    assert max(each.used for each in waits) <= 1
    assert max(each.used for each in differences) > 0.2, "nobody waited long beside another"
    assert max(each.used for each in waits) > 0.2, "nobody waited long; the loads prove little"
    assert sum(each.num_ended for each in waits) > 500


def lone(number: int, priority: Priority = Priority.CHAT) -> Sequence:
    return Sequence(
        id=number, tokens=[1], num_prompt=1, max_tokens=1, user=str(number), priority=priority
    )


def test_a_class_is_not_lifted_by_another() -> None:
    share = FairShare()
    chat, call = lone(1), lone(2, Priority.API)
    share.join(chat)
    share.charge(chat, num_read=1000)
    share.admit(chat)
    share.join(call)
    assert share.key(call)[1] == 0


def test_whoever_owes_is_remembered_while_nobody_is_there() -> None:
    share = FairShare()
    heavy, light = lone(1), lone(2)
    for each in (heavy, light):
        share.join(each)
        share.admit(each)
    share.charge(heavy, num_read=1000)
    share.forget()
    share.join(heavy)
    share.join(light)
    assert (share.key(heavy)[1], share.key(light)[1]) == (1000, 0)
