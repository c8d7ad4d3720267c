# SPDX-License-Identifier: Apache-2.0
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.power.reading import Basis
from atre.power.trace import PowerTrace, Span


def _trace(*spans: tuple[float, float, float]) -> PowerTrace:
    trace = PowerTrace()
    for start_s, end_s, energy_j in spans:
        trace.append(Span(start_s, end_s, energy_j, Basis.COUNTER))
    return trace


def test_an_interval_takes_its_share_of_the_spans_at_its_edges() -> None:
    trace = _trace((0, 1, 10), (1, 2, 20), (2, 3, 30))

    parts = trace.between(0.5, 2.1)

    assert [part.energy_j for part in parts] == pytest.approx([5, 20, 3])


def test_a_gap_gives_no_energy() -> None:
    trace = _trace((0, 1, 10), (5, 6, 10))

    assert trace.between(1, 5) == []
    assert sum(part.energy_j for part in trace.between(0, 6)) == 20


@pytest.mark.parametrize("span", [(1.0, 1.0, 5.0), (2.0, 1.0, 5.0), (0.5, 3.0, 5.0)])
def test_time_does_not_run_backwards(span: tuple[float, float, float]) -> None:
    trace = _trace((0, 1, 10))

    with pytest.raises(ValueError, match=r"span|begins"):
        trace.append(Span(*span, Basis.COUNTER))


@given(
    st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 500)), min_size=1, max_size=30),
    st.lists(st.floats(0, 1), max_size=5),
)
def test_parts_of_the_whole_add_up_to_it(
    steps: list[tuple[float, float]], cuts: list[float]
) -> None:
    trace, now_s = PowerTrace(), 0.0
    for duration_s, energy_j in steps:
        trace.append(Span(now_s, now_s + duration_s, energy_j, Basis.SENSOR))
        now_s += duration_s
    edges = [0.0, *sorted(cut * now_s for cut in cuts), now_s]

    parts = [part for pair in pairwise(edges) for part in trace.between(*pair)]

    whole = sum(energy_j for _, energy_j in steps)
    assert sum(part.energy_j for part in parts) == pytest.approx(whole)
