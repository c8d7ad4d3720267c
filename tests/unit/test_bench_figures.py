# SPDX-License-Identifier: Apache-2.0
import random
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.bench.answer import Answer
from atre.bench.bandwidth import memory_bandwidth
from atre.bench.interference import longest_wait_s
from atre.bench.measure import Figures, figures, medians
from atre.bench.plot import plot
from atre.bench.prompts import GAUGE_WORDS, Gauge, minutes_of_a_meeting, word_list
from atre.bench.report import Measured, Report, bandwidth_share
from atre.bench.run import plan
from atre.bench.scenarios import quoted_share
from atre.bench.spread import Spread, percentile
from atre.bench.table import remarks
from atre.errors import BenchmarkError

SVG = "{http://www.w3.org/2000/svg}"


def answer(*moments_s: float, tokens: int | None = None, sent_s: float = 0.0) -> Answer:
    return Answer(
        sent_s=sent_s,
        text_s=list(moments_s),
        text="x" * len(moments_s),
        num_prompt=10,
        num_cached=4,
        num_completion=len(moments_s) if tokens is None else tokens,
    )


def measured(concurrency: int, *answers: Answer, scenario: str = "plain") -> Measured:
    of_round = figures(answers, num_tokens=answers[0].num_completion)
    return Measured(scenario=scenario, concurrency=concurrency, median=of_round, rounds=[of_round])


def report(*results: Measured, step_bytes: int | None = None) -> Report:
    return Report(
        url="http://127.0.0.1:1/v1",
        model="a <model> & more",
        started_at="2026-11-21T20:00:00+00:00",
        prompt_tokens_per_word=1.0,
        step_bytes=step_bytes,
        bandwidth_bytes_per_s=1000.0,
        client_cpu_share=0.01,
        results=list(results),
    )


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 100))
def test_percentiles_are_numpys(values: list[float], percent: float) -> None:
    assert percentile(values, percent) == pytest.approx(
        float(np.percentile(values, percent)), abs=1e-6
    )


def test_a_spread_needs_values() -> None:
    assert Spread.of([]) is None
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(p50=2.0, p95=2.9, p99=2.98, max=3.0)


def test_figures_count_from_the_first_request_to_the_last_token() -> None:
    both = figures([answer(1.0, 1.5, 3.0), answer(2.0, 4.0, sent_s=1.0)], num_tokens=3)
    assert both.wall_s == 4.0
    assert both.tokens_per_s == 5 / 4.0
    assert both.ttft_s.p50 == 1.0
    assert both.gap_s is not None
    assert both.gap_s.max == 2.0
    assert both.decode_tokens_per_s == pytest.approx((2 / 2.0 + 1 / 2.0) / 2)
    assert both.ended_early == 1
    assert both.cached_tokens == 4


def test_several_tokens_in_one_event_are_counted_by_usage() -> None:
    one = figures([answer(1.0, 2.0, tokens=8)], num_tokens=8)
    assert one.tokens_per_s == 4.0
    assert one.events_per_token == 0.25
    assert figures([answer(1.0, tokens=1)], num_tokens=1).gap_s is None


def test_medians_are_taken_figure_by_figure() -> None:
    rounds = [
        figures([answer(1.0, 1.0 + gap)], num_tokens=2, extra=extra)
        for gap, extra in ((1.0, {"a": 1.0}), (5.0, {"a": 3.0, "b": 9.0}), (2.0, {"a": 2.0}))
    ]
    middle = medians(rounds)
    assert middle.gap_s is not None
    assert middle.gap_s.max == 2.0
    assert middle.wall_s == 3.0
    assert middle.extra == {"a": 2.0, "b": 9.0}
    assert isinstance(middle, Figures)


def test_the_longest_wait_counts_the_gap_in_which_the_prompt_came() -> None:
    answers = [answer(1.0, 2.0, 6.0, 7.0), answer(1.0, 1.1, 1.2)]
    assert longest_wait_s(answers, since_s=4.0) == 4.0
    assert longest_wait_s(answers, since_s=6.5) == 1.0
    assert longest_wait_s(answers, since_s=8.0) is None


def test_the_gauge_hits_the_wanted_number_of_tokens() -> None:
    def count(words: int) -> int:
        return 11 + round(1.3 * words)

    gauge = Gauge.of(*(count(words) for words in GAUGE_WORDS))
    for wanted in (140, 1300):
        assert count(gauge.num_words(wanted)) == pytest.approx(wanted, abs=2)
    assert gauge.num_words(1) == 1


def test_prompts_differ_and_have_the_words_asked_for() -> None:
    rng = random.Random(1)
    first, second = word_list(50, rng), word_list(50, rng)
    assert len(first.split()) == len(second.split()) == 50
    assert first != second
    assert 250 < len(minutes_of_a_meeting().split()) < 500


def test_the_quoted_share_is_that_of_the_longest_passage() -> None:
    assert quoted_share("one two three four", "two three") == 1.0
    assert quoted_share("one two three four", "Sure: two thrEE") == pytest.approx(8 / 15)


def test_only_the_plain_scenario_takes_every_number_of_clients() -> None:
    assert plan(["plain", "shared-prefix", "rewrite"], [1, 4]) == [
        ("plain", 1), ("plain", 4), ("shared-prefix", 8), ("rewrite", 1),
    ]  # fmt: skip


def test_the_share_of_bandwidth_is_speed_times_bytes() -> None:
    results = [measured(1, answer(1.0, 1.5, 2.0)), measured(4, answer(1.0, 9.0))]
    assert bandwidth_share(report(*results, step_bytes=100)) == pytest.approx(2 * 100 / 1000)
    assert bandwidth_share(report(*results)) is None
    assert bandwidth_share(report(results[1], step_bytes=100)) is None


def test_the_limit_is_told_with_what_it_is_made_of() -> None:
    lines = remarks(report(measured(1, answer(1.0, 1.5, 2.0)), step_bytes=250))
    assert lines[0].startswith("One stream reaches 50% of the limit that memory sets")


def test_the_plot_is_svg_with_a_dot_for_every_value() -> None:
    results = [measured(clients, answer(1.0, 1.5, 2.0)) for clients in (8, 1, 4)]
    root = ET.fromstring(plot(report(*results, measured(8, answer(1.0), scenario="rewrite"))))  # noqa: S314 -- our own
    dots = root.findall(f".//{SVG}circle")
    assert len(dots) == 3 * 5  # throughput, and p50 and p95 of first token and of gap
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for dot in dots:
        assert 0 <= float(dot.attrib["cx"]) <= width
        assert 0 <= float(dot.attrib["cy"]) <= height
    texts = [element.text for element in root.iter(f"{SVG}text")]
    axis = [e.text for e in root.iter(f"{SVG}text") if e.get("text-anchor") == "middle"]
    assert axis[:3] == ["1", "4", "8"]
    assert any(text and "a <model> & more" in text for text in texts)


def test_larger_values_are_drawn_higher() -> None:
    slow, fast = measured(1, answer(1.0, 9.0)), measured(2, answer(0.1, 0.2, 0.3, 0.4))
    root = ET.fromstring(plot(report(slow, fast)))  # noqa: S314 -- our own
    throughput = root.findall(f"{SVG}g")[0].findall(f"{SVG}circle")
    assert float(throughput[1].attrib["cy"]) < float(throughput[0].attrib["cy"])


def test_a_report_without_the_plain_scenario_cannot_be_plotted() -> None:
    with pytest.raises(BenchmarkError, match="plain scenario"):
        plot(report(measured(8, answer(1.0, 2.0), scenario="shared-prefix")))


def test_the_probe_reads_all_bytes_it_is_given() -> None:
    assert memory_bandwidth(2**20) > 1e6
