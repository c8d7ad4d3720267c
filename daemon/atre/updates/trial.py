# SPDX-License-Identifier: Apache-2.0
"""Whether a version on trial is kept: the decision, apart from how each thing is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from atre.ipc.update_replies import Check
from atre.sentence import Sentence
from atre.updates.release_rule import NBSP

# From the start of the machine, so that a gate that is started anew gets no more time.
DEADLINE_S = 600.0

# What a check still waits for, None once it passed; asked again and again.
Probe = Callable[[], Sentence | None]


class Verdict(StrEnum):
    """What to do now."""

    KEEP = "keep"
    WAIT = "wait"
    GIVE_UP = "give-up"


@dataclass(frozen=True, slots=True)
class Health:
    """What was found: the checks that passed, and what the first other one waits for."""

    passed: tuple[Check, ...]
    failed: Check | None
    waits_for: Sentence | None


def examine(probes: Mapping[Check, Probe]) -> Health:
    """Ask every check in its order, up to the first that does not pass."""
    passed: list[Check] = []
    for each in Check:
        waits_for = probes[each]()
        if waits_for is not None:
            return Health(tuple(passed), each, waits_for)
        passed.append(each)
    return Health(tuple(passed), None, None)


def decide(health: Health, up_s: float, deadline_s: float = DEADLINE_S) -> Verdict:
    """What follows, ``up_s`` after the start of the machine."""
    if health.failed is None and set(health.passed) == set(Check):
        return Verdict.KEEP
    return Verdict.WAIT if up_s < deadline_s else Verdict.GIVE_UP


def never_ended() -> Sentence:
    """Why a version that told nothing was left."""
    return Sentence(
        "The new version did not come up: it was started three times, and the box went back.",
        f"La nouvelle version n’a pas démarré{NBSP}: elle a été lancée trois fois, puis le boîtier "
        "est revenu en arrière.",
    )
