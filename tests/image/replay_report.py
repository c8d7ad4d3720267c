# SPDX-License-Identifier: Apache-2.0
"""What many replays came to: counts, a screen of words, and the same for machines."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.image.crash_states import CrashState, Kind
from tests.image.judge import Verdict

_SHOWN = 10


@dataclass
class Tally:
    """Counts of states; ``failures`` are those with problems."""

    replays: int = 0
    unbootable: int = 0
    trials: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    data: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[CrashState, tuple[str, ...]]] = field(default_factory=list)

    def add(self, state: CrashState, verdict: Verdict) -> None:
        self.replays += 1
        self.unbootable += verdict.outcome.version is None
        self.trials += verdict.outcome.is_trial
        self.kinds[state.kind] += 1
        self.versions[verdict.outcome.version or "none"] += 1
        self.data[verdict.data] += 1
        self.notes.update(verdict.notes)
        if verdict.problems:
            self.failures.append((state, verdict.problems))


@dataclass(frozen=True)
class Facts:
    """Of the log and the run; ``seconds`` by the clock, reading the base disk included."""

    writes: int
    epochs: int
    boundaries: int
    weighty: int
    seed: int
    seconds: float


def screen(facts: Facts, tally: Tally) -> str:
    """The report on one screen."""
    failed = Counter(state.kind for state, _ in tally.failures)
    rows = [
        (
            f"writes {facts.writes}, flushes {facts.epochs - 1}; {facts.weighty} epochs touch "
            f"what decides on the start; {facts.boundaries} flush boundaries themselves"
        ),
        f"replays {tally.replays}, all different; seed {facts.seed}; {facts.seconds:.0f} s",
        "",
        *(f"  {number:6}  {kind}: {failed[kind]} failed" for kind, number in _by(tally.kinds)),
        "",
        f"unbootable: {tally.unbootable}",
        f"version that starts: {_counts(tally.versions)}; on trial: {tally.trials}",
        f"data: {_counts(tally.data)}",
        *(f"note: {number} x {note}" for note, number in _by(tally.notes)[:_SHOWN]),
        f"failures: {len(tally.failures)}",
        *(
            f"  --only {state.epoch}:{state.number} ({state.kind}): {'; '.join(problems)}"
            for state, problems in tally.failures[:_SHOWN]
        ),
    ]
    return "\n".join(rows)


def as_json(facts: Facts, tally: Tally) -> dict[str, Any]:
    """Everything of the screen, and every failure."""
    return {
        **vars(facts),
        "seconds": round(facts.seconds, 1),
        "replays": tally.replays,
        "unbootable": tally.unbootable,
        "on_trial": tally.trials,
        "kinds": {str(kind): number for kind, number in _by(tally.kinds)},
        "versions": dict(_by(tally.versions)),
        "data": dict(_by(tally.data)),
        "notes": dict(_by(tally.notes)),
        "failures": [
            {
                "only": f"{state.epoch}:{state.number}",
                "kind": str(state.kind),
                "problems": list(problems),
                "writes": [
                    {"entry": piece.write.number, "sectors": piece.sectors}
                    for piece in state.pieces
                ],
            }
            for state, problems in tally.failures
        ],
    }


def _by(counter: "Counter[Any]") -> list[tuple[Any, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], str(item[0])))


def _counts(counter: "Counter[str]") -> str:
    return ", ".join(f"{name} {number}" for name, number in _by(counter))
