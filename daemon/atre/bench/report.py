# SPDX-License-Identifier: Apache-2.0
import msgspec

from atre.bench.measure import Figures
from atre.bench.turns import Turn


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario with one number of clients: every round, and the medians over them."""

    scenario: str
    concurrency: int
    median: Figures
    rounds: list[Figures]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What ``atre bench`` measured of one server.

    ``bandwidth_bytes_per_s`` is this machine's, and ``step_bytes`` what the model reads of memory
    for each token; None where unknown. ``client_cpu_share`` is how much of one processor the
    measuring itself took. ``turns`` are the engine's own, where the server tells.
    """

    url: str
    model: str
    started_at: str
    prompt_tokens_per_word: float
    step_bytes: int | None
    bandwidth_bytes_per_s: float | None
    client_cpu_share: float
    results: list[Measured]
    notes: list[str] = []
    turns: list[Turn] = []


def bandwidth_share(report: Report) -> float | None:
    """One stream's speed as a share of what the memory's bandwidth allows; None if unknown."""
    speeds = [
        result.median.decode_tokens_per_s
        for result in report.results
        if (result.scenario, result.concurrency) == ("plain", 1)
    ]
    if not speeds or speeds[0] is None or not report.step_bytes:
        return None
    if report.bandwidth_bytes_per_s is None:
        return None
    return speeds[0] * report.step_bytes / report.bandwidth_bytes_per_s
