# SPDX-License-Identifier: Apache-2.0
"""With how many threads the engine decodes in eco mode, from what each number took."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.ipc.eco_messages import ThreadBasis
from atre.power.thread_choice import Work, candidates, choose, figures


def work(j_token: float, tokens_s: float, seconds: float = 100.0) -> Work:
    tokens = tokens_s * seconds
    return Work(energy_j=j_token * tokens, tokens=tokens, seconds=seconds)


@pytest.mark.parametrize(
    ("most", "numbers"),
    [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [2, 3, 1, 4]), (16, [8, 12, 4, 16])],
)
def test_a_few_numbers_are_worth_a_trial(most: int, numbers: list[int]) -> None:
    assert candidates(most) == numbers


def test_without_a_meter_half_of_them_decode_and_at_least_one() -> None:
    assert choose(8, {}, has_meter=False) == (4, ThreadBasis.HALF)
    assert choose(3, {}, has_meter=False) == (1, ThreadBasis.HALF)
    assert choose(1, {}, has_meter=False) == (1, ThreadBasis.ALL)


def test_each_number_is_tried_until_it_has_worked_enough() -> None:
    assert choose(8, {}, has_meter=True) == (4, ThreadBasis.TRIAL)
    short = {4: work(1.0, 10.0, seconds=59.0)}
    assert choose(8, short, has_meter=True) == (4, ThreadBasis.TRIAL)
    assert choose(8, {4: work(1.0, 10.0)}, has_meter=True) == (6, ThreadBasis.TRIAL)
    unmetered = {4: Work(tokens=100.0, seconds=100.0)}
    assert choose(8, unmetered, has_meter=True) == (4, ThreadBasis.TRIAL)


def test_the_fewest_joules_win_unless_answers_take_twice_as_long() -> None:
    done = {8: work(3.0, 10.0), 6: work(2.5, 9.5), 4: work(2.0, 8.0), 2: work(1.0, 4.9)}
    assert choose(8, done, has_meter=True) == (4, ThreadBasis.MEASURED)
    done[2] = work(1.0, 5.0)
    assert choose(8, done, has_meter=True) == (2, ThreadBasis.MEASURED)
    same = {number: work(2.0, 10.0) for number in (8, 6, 4, 2)}
    assert choose(8, same, has_meter=True) == (8, ThreadBasis.MEASURED)


@given(
    st.integers(1, 256),
    st.dictionaries(st.integers(1, 256), st.builds(work, st.floats(0, 9), st.floats(0, 99))),
    st.booleans(),
)
def test_there_is_always_a_number_that_the_engine_has(
    most: int,
    done: dict[int, Work],
    has_meter: bool,  # noqa: FBT001
) -> None:
    number, _ = choose(most, done, has_meter=has_meter)
    assert 1 <= number <= most
    assert all(each.tokens_s > 0 for each in figures(done))


def test_figures_are_told_of_what_was_measured() -> None:
    told = figures({4: work(2.0, 8.0), 8: work(3.0, 10.0), 2: work(1.0, 5.0, seconds=1.0)})
    assert [each.threads for each in told] == [8, 4]
    assert (told[1].power_w, told[1].tokens_s, told[1].j_token) == (16.0, 8.0, 2.0)
