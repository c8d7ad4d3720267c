# SPDX-License-Identifier: Apache-2.0
from collections.abc import Mapping

from atre.engine.pace import MAX_DRAFT, LearnedPace
from atre.engine.step_cost import StepCost


def pace(cost_ms: Mapping[int, float], target_gap_s: float = 0.150) -> LearnedPace:
    cost = StepCost()
    for rows, milliseconds in cost_ms.items():
        cost.record(rows, milliseconds / 1000)
    return LearnedPace(cost, max_rows=512, target_gap_s=target_gap_s)


# Measured: 2 cores, 190 M parameters, Q8_0.
CPU = {1: 8, 4: 31, 8: 35, 16: 37, 512: 550}


def test_nobody_decoding_means_full_batches() -> None:
    assert pace(CPU).num_rows(0) == 512
    assert pace(CPU).num_rows(1) < 200


def test_guessing_pays_when_guesses_come_true() -> None:
    assert pace(CPU).draft_length(0.98, 1) == MAX_DRAFT


def test_guessing_is_off_when_it_does_not_pay() -> None:
    assert pace(CPU).draft_length(0.3, 1) == 0, "a step of two rows costs twice that of one"
    assert pace({1: 10, 16: 160, 32: 320}).draft_length(0.9, 8) == 0, "compute-bound"


def test_guessing_pays_sooner_where_rows_are_cheap() -> None:
    assert pace({1: 10, 16: 11, 32: 12}).draft_length(0.3, 1) > 0


def test_guesses_stay_within_the_target_gap() -> None:
    assert pace(CPU, target_gap_s=0.020).draft_length(0.99, 1) < 4


def test_no_guesses_for_memory_that_cannot_forget_them() -> None:
    cost = StepCost()
    cost.record(1, 0.01)
    cost.record(16, 0.01)
    still = LearnedPace(cost, max_rows=512, target_gap_s=0.150, max_draft=0)
    assert still.draft_length(0.99, 1) == 0
