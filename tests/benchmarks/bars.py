# SPDX-License-Identifier: Apache-2.0
"""The bars that the engine is held to, and what was measured against each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from atre.bench.measure import Figures
from atre.bench.report import Report

Value = Callable[[Figures], float]


@dataclass(frozen=True)
class Bar:
    """A figure that must be at least or at most ``limit``."""

    title: str
    limit: float
    sense: Literal["≥", "≤"]
    unit: str = ""

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.sense == "≥" else value <= self.limit


@dataclass(frozen=True)
class Outcome:
    """A bar and what was measured: the compared figure, and what it was made of."""

    bar: Bar
    value: float
    made_of: str

    @property
    def is_met(self) -> bool:
        return self.bar.is_met(self.value)


@dataclass(frozen=True)
class Race:
    """A bar on our figure ÷ llama-server's, in one scenario with one number of clients.

    ``slots`` is how many sequences llama-server runs at the same time.
    """

    bar: Bar
    scenario: str
    concurrency: int
    value: Value
    unit: str
    slots: int = 8


def _throughput(clients: int, limit: float, *, slots: int = 8) -> Race:
    streams = "1 stream" if clients == 1 else f"{clients} clients"
    against = f" (llama-server with {slots} slots)" if clients > 8 else ""
    bar = Bar(f"{streams}, distinct 140-token prompts: tokens/s, all together{against}", limit, "≥")
    return Race(bar, "plain", clients, lambda figures: figures.tokens_per_s, "tok/s", slots)


RACES = (
    _throughput(1, 0.97),
    _throughput(4, 1.0),
    _throughput(8, 1.0),
    _throughput(16, 1.0),
    _throughput(16, 1.0, slots=16),
    Race(
        Bar("8 clients, same 1,300-token prefix, 20 tokens of their own: wall time", 0.33, "≤"),
        "shared-prefix", 8, lambda figures: figures.wall_s, "s",
    ),
    Race(
        Bar("3 streams while a 1,300-token prompt arrives: largest gap", 0.25, "≤"),
        "long-prompt-arrives", 4, lambda figures: figures.extra["largest_gap_s"], "s",
    ),
    Race(
        Bar("rewriting a 400-token text, greedy, 1 stream: tokens/s", 1.5, "≥"),
        "rewrite", 1, lambda figures: figures.tokens_per_s, "tok/s",
    ),
)  # fmt: skip

HEAVY = Bar(
    "7 light users beside one with 8 long requests: their p95 first token ÷ alone", 1.5, "≤"
)


def race_outcomes(ours: Sequence[Report], theirs: Mapping[int, Sequence[Report]]) -> list[Outcome]:
    """Each race's ratio of medians over all rounds; ``theirs`` by llama-server's slots."""
    outcomes = []
    for race in RACES:
        mine, peers = (_values(race, reports) for reports in (ours, theirs[race.slots]))
        outcomes.append(
            Outcome(
                race.bar,
                median(mine) / median(peers),
                f"{_figure(median(mine), race.unit)} against {_figure(median(peers), race.unit)}"
                f" (ours {_range(mine)}; llama-server {_range(peers)})",
            )
        )
    return outcomes


def heavy_outcome(ours: Sequence[Report], theirs: Sequence[Report]) -> Outcome:
    """How much one heavy user costs the light ones on our server; llama-server's for comparison."""
    mine, peers = (
        [figures.extra["ttft_ratio"] for figures in _rounds(reports, "one-heavy-seven-light", 8)]
        for reports in (ours, theirs)
    )
    made_of = f"ours {_range(mine)}; llama-server {_range(peers)}"
    return Outcome(HEAVY, median(mine), made_of)


def _values(race: Race, reports: Sequence[Report]) -> list[float]:
    return [race.value(each) for each in _rounds(reports, race.scenario, race.concurrency)]


def _rounds(reports: Sequence[Report], scenario: str, concurrency: int) -> list[Figures]:
    return [
        figures
        for report in reports
        for result in report.results
        if (result.scenario, result.concurrency) == (scenario, concurrency)
        for figures in result.rounds
    ]


def _figure(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}"


def _range(values: Sequence[float]) -> str:
    return " ".join(f"{value:.3g}" for value in values)
