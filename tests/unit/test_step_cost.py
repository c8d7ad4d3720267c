# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from itertools import pairwise

import pytest

from atre.engine.step_cost import StepCost

# Measured: 2 cores, 190 M parameters, Q8_0; milliseconds by rows.
CPU = {1: 8, 4: 31, 8: 35, 16: 37, 512: 550}


def cpu_seconds(rows: int) -> float:
    sizes = sorted(CPU)
    for low, high in pairwise(sizes):
        if rows <= high:
            return (CPU[low] + (CPU[high] - CPU[low]) * (rows - low) / (high - low)) / 1000
    return CPU[512] / 1000 * rows / 512


def learned(cost_s: Callable[[int], float], target_s: float, num_decoding: int) -> list[int]:
    """The sizes of the steps of a machine that reads a long prompt while others decode."""
    cost = StepCost()
    sizes = []
    for _ in range(60):
        rows = cost.rows_within(target_s, num_decoding=num_decoding, most=2048)
        cost.record(rows, cost_s(rows))
        sizes.append(rows)
    return sizes


@pytest.mark.parametrize("num_decoding", [1, 4, 16])
@pytest.mark.parametrize("target_s", [0.060, 0.150, 0.400])
def test_steps_grow_to_the_target_and_stay_within_it(num_decoding: int, target_s: float) -> None:
    sizes = learned(cpu_seconds, target_s, num_decoding)
    settled = [cpu_seconds(rows) for rows in sizes[20:]]
    assert max(settled) <= 1.1 * target_s
    assert min(settled) >= 0.7 * target_s
    assert cpu_seconds(max(sizes)) <= 1.5 * target_s, "learning costs at most one longer gap"


def test_prompts_are_read_on_even_where_decoding_alone_misses_the_target() -> None:
    cost = StepCost()
    for rows in (1, 4, 8, 16, 32):
        cost.record(rows, cpu_seconds(rows))
    rows = cost.rows_within(0.010, num_decoding=8, most=512)
    assert rows > 16, "16 rows cost what 8 cost"
    assert 1.3 * cpu_seconds(8) <= cpu_seconds(rows) <= 1.6 * cpu_seconds(8)


def test_a_size_that_was_slow_once_does_not_stay_slow() -> None:
    cost = StepCost()
    for rows in (1, 4, 8, 16, 32, 64, 128):
        cost.record(rows, cpu_seconds(rows))
    usual = cost.rows_within(0.150, num_decoding=4, most=512)
    for _ in range(20):
        cost.record(128, 5.0)  # the machine did something else
    assert cost.rows_within(0.150, num_decoding=4, most=512) < usual
    for rows in (4, 8, 16, 32, 64):
        cost.record(rows, cpu_seconds(rows))
    assert cost.seconds(128) <= 2 * cpu_seconds(64)
    assert cost.rows_within(0.150, num_decoding=4, most=512) >= usual // 2


def test_what_small_steps_cost_once_does_not_make_large_ones_look_cheap() -> None:
    cost = StepCost()
    for rows in (1, 4, 8, 16, 32, 64, 128):
        cost.record(rows, cpu_seconds(rows))
    for _ in range(40):  # contexts have grown: the sizes in use take three times as long
        for rows in (8, 64):
            cost.record(rows, 3 * cpu_seconds(rows))
    assert cost.seconds(64) >= 2.9 * cpu_seconds(64)


def test_a_prompt_is_read_even_by_one_row_on_a_machine_that_is_too_slow() -> None:
    cost = StepCost()
    cost.record(1, 5.0)
    cost.record(2, 10.0)
    assert cost.rows_within(0.150, num_decoding=1, most=512) == 2


def test_the_limit_on_rows_is_kept() -> None:
    cost = StepCost()
    for rows in (64, 128, 256, 512):
        cost.record(rows, 0.001)
    assert cost.rows_within(1.0, num_decoding=3, most=100) <= 100
    assert cost.rows_within(1.0, num_decoding=4, most=4) == 4


def test_the_curve_never_falls_and_follows_a_machine_that_slows_down() -> None:
    cost = StepCost()
    cost.record(16, 0.050)
    cost.record(32, 0.040)
    assert cost.seconds(32) >= cost.seconds(16)
    for _ in range(30):
        cost.record(16, 0.200)
    assert cost.seconds(16) > 0.190
