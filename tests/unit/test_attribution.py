# SPDX-License-Identifier: Apache-2.0
"""Any trace and any work: everything is given to somebody, once, and nobody gets less than none."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.ipc.power_basis import Basis
from atre.ipc.work_messages import Rows, WorkDone
from atre.power.attribution import Rates, attribute, clip, worse
from atre.power.rates import DEFAULT_PROMPT_WEIGHT, LearnedRates
from atre.power.trace import Span

RATES = Rates(idle_w=10.0, prompt_weight=0.1)


def work(begin_s: float, end_s: float, *rows: tuple[int, int, int]) -> WorkDone:
    return WorkDone(
        start="s", number=1, begin_s=begin_s, end_s=end_s, rows=tuple(Rows(*row) for row in rows)
    )


def span(start_s: float, end_s: float, watts: float, basis: Basis = Basis.COUNTER) -> Span:
    return Span(start_s, end_s, watts * (end_s - start_s), basis)


def test_what_is_above_idle_is_shared_by_weighted_rows_and_idle_by_heads() -> None:
    found = attribute([span(0, 1, 30)], [work(0, 1, (1, 0, 30), (2, 100, 0))], RATES)

    assert found.idle_j == 10
    assert found.other_j == 0
    assert found.requests["s-1"].j == pytest.approx(15)
    assert found.requests["s-2"].j == pytest.approx(5)
    assert found.requests["s-1"].j_idle_share == found.requests["s-2"].j_idle_share == 5
    assert found.requests["s-1"].inferred_j == 0


def test_time_without_work_is_idle_and_others() -> None:
    found = attribute([span(0, 1, 30)], [], RATES)

    assert (found.idle_j, found.other_j, found.requests) == (10, 20, {})


def test_a_machine_below_its_baseline_has_nothing_to_share() -> None:
    found = attribute([span(0, 1, 8)], [work(0, 1, (1, 0, 5))], RATES)

    assert (found.idle_j, found.requests["s-1"].j) == (8, 0)


def test_of_a_span_with_a_little_work_a_request_takes_what_work_usually_takes() -> None:
    usual = Rates(idle_w=10, prompt_weight=0.1, working_w=40, other_w=2)
    little = [work(3, 6, (1, 0, 9))]

    quiet = attribute([span(0, 15, 10 + (3 * 40 + 12 * 2) / 15)], little, usual)
    backup = attribute([span(0, 15, 60)], little, usual)
    unknown = attribute([span(0, 15, 60)], little, RATES)

    assert quiet.requests["s-1"].j == pytest.approx(120)
    assert quiet.requests["s-1"].inferred_j == pytest.approx(120), "it may have been otherwise"
    assert backup.requests["s-1"].j <= 1.5 * 120
    assert unknown.requests["s-1"].j == pytest.approx(50 * 15 * 3 / 15), "even over the span"


def test_time_without_a_reading_is_guessed_and_told_apart() -> None:
    usual = Rates(idle_w=10, prompt_weight=0.1, working_w=40)
    half_known = attribute([span(0, 1, 50)], [work(0, 2, (1, 0, 9))], usual).requests["s-1"]
    no_rate = attribute([span(0, 1, 50)], [work(0, 2, (1, 0, 9))], RATES).requests["s-1"]

    assert (half_known.j, half_known.guessed_j, half_known.guessed_idle_j) == (40, 40, 10)
    assert (no_rate.guessed_j, no_rate.known_s, no_rate.unknown_s) == (0, 1, 1)


def test_without_a_baseline_the_figure_says_so() -> None:
    energy = attribute(
        [span(0, 1, 50)], [work(0, 1, (1, 0, 9))], Rates(idle_w=None, prompt_weight=1)
    ).requests["s-1"]

    assert energy.holds_idle
    assert energy.inferred_j == energy.j == 50


def test_the_worst_basis_is_told() -> None:
    spans = [span(0, 1, 20, Basis.PLUG), span(1, 2, 20, Basis.ESTIMATE)]

    assert attribute(spans, [work(0, 2, (1, 0, 9))], RATES).requests["s-1"].basis is Basis.ESTIMATE
    assert worse(Basis.SENSOR, None) is Basis.SENSOR


def test_a_clipped_record_keeps_its_rows_and_stays_in_the_interval() -> None:
    record = work(0, 2, (1, 0, 8))

    assert [(each.begin_s, each.end_s) for each in clip([record], 0.5, 9)] == [(0.5, 2)]
    assert clip([record], 0, 2) == [record]
    assert clip([record], 2, 3) == []


_seconds = st.floats(0.001, 15)
_rows = st.lists(
    st.tuples(st.integers(1, 8), st.integers(0, 600), st.integers(0, 60)), min_size=1, max_size=8
)


@given(
    st.lists(st.tuples(_seconds, st.floats(0, 400), st.booleans()), max_size=12),
    st.lists(st.tuples(_seconds, st.one_of(st.none(), _rows)), max_size=12),
    st.builds(
        Rates,
        idle_w=st.one_of(st.none(), st.floats(0, 200)),
        prompt_weight=st.floats(0.001, 2),
        working_w=st.one_of(st.none(), st.floats(0, 300)),
        other_w=st.floats(0, 50),
    ),
    st.lists(st.floats(0, 1), max_size=4),
)
def test_the_sums_close_and_nothing_is_negative(
    trace: list[tuple[float, float, bool]],
    busy: list[tuple[float, list[tuple[int, int, int]] | None]],
    rates: Rates,
    cuts: list[float],
) -> None:
    spans, now_s = [], 0.0
    for duration_s, watts, is_gap in trace:
        if not is_gap:
            spans.append(span(now_s, now_s + duration_s, watts))
        now_s += duration_s
    records, at_s = [], 0.0
    for duration_s, rows in busy:
        if rows is not None:
            records.append(work(at_s, at_s + duration_s, *rows))
        at_s += duration_s

    found = attribute(spans, records, rates)

    energy_j = sum(each.energy_j for each in spans)
    assert math.isclose(found.total_j, energy_j, rel_tol=1e-9, abs_tol=1e-6)
    parts = [found.idle_j, found.other_j]
    for energy in found.requests.values():
        parts += [energy.j, energy.j_idle_share, energy.inferred_j, energy.guessed_j]
        parts += [energy.guessed_idle_j, energy.known_s, energy.unknown_s]
        assert energy.inferred_j <= energy.j * (1 + 1e-9)
    assert all(part >= 0 for part in parts)
    shares_j = sum(energy.j_idle_share for energy in found.requests.values())
    assert shares_j <= found.idle_j * (1 + 1e-9)
    edges = [0.0, *sorted(cut * now_s for cut in cuts), now_s]
    in_parts = sum(
        attribute(
            [
                Span(
                    max(a, s.start_s),
                    min(b, s.end_s),
                    s.power_w * (min(b, s.end_s) - max(a, s.start_s)),
                    s.basis,
                )
                for s in spans
                if min(b, s.end_s) > max(a, s.start_s)
            ],
            clip(records, a, b),
            rates,
        ).total_j
        for a, b in pairwise(edges)
        if a < b
    )
    assert math.isclose(in_parts, energy_j, rel_tol=1e-6, abs_tol=1e-3)


def test_the_weight_of_a_prompt_row_is_time_times_watts() -> None:
    learned = LearnedRates()
    assert learned.prompt_weight == DEFAULT_PROMPT_WEIGHT
    learned.see_cost(0.2)
    assert learned.prompt_weight == 0.2
    assert not learned.is_calibrated
    reading, writing = work(0, 1, (1, 100, 0)), work(1, 2, (1, 0, 10))
    for _ in range(200):
        learned.learn(
            attribute([span(0, 1, 50), span(1, 2, 30)], [reading, writing], learned.rates(10.0))
        )
    assert learned.is_calibrated
    assert learned.prompt_weight == pytest.approx(0.2 * 40 / 20)
    assert learned.rates(10.0).working_w == pytest.approx(30, abs=1)
