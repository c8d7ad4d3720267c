# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of ``make bench``: what is compared with what, and that misses are shown."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from atre.bench.answer import Answer
from atre.bench.measure import figures
from atre.bench.report import Measured, Report

ROOT = Path(__file__).parents[2]
SCENARIOS = [
    ("plain", 1), ("plain", 4), ("plain", 8), ("plain", 16), ("shared-prefix", 8),
    ("long-prompt-arrives", 4), ("one-heavy-seven-light", 8), ("rewrite", 1),
]  # fmt: skip


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> Any:
    # importlib mode puts the repository's root on no path; `make bench` runs from there.
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("tests.benchmarks.bars")


@pytest.fixture
def page(bars: Any) -> Any:
    del bars
    return importlib.import_module("tests.benchmarks.page")


def report(wall_s: float, gap_s: float, ratio: float) -> Report:
    """One round in which every scenario gave two tokens in ``wall_s``."""
    answer = Answer(0.0, [wall_s / 2, wall_s], "a b", 10, 0, 2)
    extra = {"largest_gap_s": gap_s, "ttft_ratio": ratio}
    one = figures([answer], num_tokens=2, extra=extra)
    return Report(
        url="http://127.0.0.1:1/v1", model="m", started_at="2026", prompt_tokens_per_word=1.0,
        step_bytes=None, bandwidth_bytes_per_s=None, client_cpu_share=0.0,
        results=[
            Measured(scenario=name, concurrency=clients, median=one, rounds=[one])
            for name, clients in SCENARIOS
        ],
    )  # fmt: skip


def test_a_ratio_is_that_of_medians_over_all_rounds(bars: Any) -> None:
    ours = [report(wall_s, gap_s=0.2, ratio=1.2) for wall_s in (1.0, 9.0, 2.0)]
    theirs = [report(wall_s, gap_s=2.0, ratio=4.0) for wall_s in (4.0, 0.5, 8.0)]
    values = [outcome.value for outcome in bars.race_outcomes(ours, {8: theirs, 16: theirs})]
    assert values == pytest.approx([2.0, 2.0, 2.0, 2.0, 2.0, 0.5, 0.1, 2.0])


def test_throughput_must_be_high_and_times_low(bars: Any) -> None:
    slow, fast = [report(4.0, 4.0, 4.0)], [report(1.0, 1.0, 1.0)]
    assert all(outcome.is_met for outcome in bars.race_outcomes(fast, {8: slow, 16: slow}))
    assert not any(outcome.is_met for outcome in bars.race_outcomes(slow, {8: fast, 16: fast}))


def test_the_heavy_user_is_held_against_our_own_server(bars: Any) -> None:
    assert bars.heavy_outcome([report(1, 1, 1.4)], [report(1, 1, 9.0)]).is_met
    missed = bars.heavy_outcome([report(1, 1, 1.6)], [report(1, 1, 9.0)])
    assert not missed.is_met
    assert "llama-server 9" in missed.made_of


def test_a_missed_bar_stands_on_the_page(bars: Any, page: Any) -> None:
    ours, theirs = [report(4.0, 4.0, 4.0)], [report(1.0, 1.0, 1.0)]
    outcomes = [
        *bars.race_outcomes(ours, {8: theirs, 16: theirs}),
        bars.heavy_outcome(ours, theirs),
    ]
    text = page.page({"commit": "abc"}, outcomes, {"ours": ours, "llama-server": theirs}, "shape")
    assert text.count("**missed**") == len(outcomes)
    assert f"0 of {len(outcomes)} bars are met." in text
    assert "| ours | rewrite | 1 | 1 | 0.5 | 4.00 |" in text


def test_sixteen_clients_meet_the_server_with_as_many_slots_and_with_half(bars: Any) -> None:
    ours = [report(2.0, 2.0, 2.0)]
    few, many = [report(4.0, 2.0, 2.0)], [report(1.0, 2.0, 2.0)]
    outcomes = {
        outcome.bar.title: outcome.value for outcome in bars.race_outcomes(ours, {8: few, 16: many})
    }
    (half,) = [value for title, value in outcomes.items() if "with 8 slots" in title]
    (all_,) = [value for title, value in outcomes.items() if "with 16 slots" in title]
    assert (half, all_) == (2.0, 0.5)
