# SPDX-License-Identifier: Apache-2.0
"""A plug's energy by the second, held to a counter that moves in coarse steps."""

from hypothesis import given
from hypothesis import strategies as st

from atre.power.samplers.held_energy import HeldEnergy


@given(
    powers=st.lists(st.floats(5.0, 400.0), min_size=120, max_size=400),
    step_j=st.sampled_from([3.6, 360.0, 3600.0]),
    error=st.floats(-0.05, 0.05),
    start_j=st.floats(0, 1e9),
)
def test_a_day_s_energy_is_the_plug_s_own_counter(
    powers: list[float], step_j: float, error: float, start_j: float
) -> None:
    """The plug's power is up to 5 % off its counter, which moves in coarse steps."""
    held, taken_j, last_j = HeldEnergy(), 0.0, 0.0
    for second, power_w in enumerate(powers * 20):
        counter_j = (start_j + taken_j) // step_j * step_j
        energy_j = held.at(float(second), power_w * (1 + error), counter_j)
        assert energy_j is not None
        assert energy_j >= last_j
        last_j, taken_j = energy_j, taken_j + power_w
    slack_j = 2 * max(3600.0, 60 * 400.0)
    assert abs(last_j - taken_j) <= slack_j


def test_a_plug_s_counter_fills_a_gap_and_a_reset_costs_nothing() -> None:
    held = HeldEnergy()
    assert held.at(0.0, 100.0, 5000.0) == 0.0
    assert held.at(1.0, 100.0, 5000.0) == 100.0
    assert held.at(101.0, 100.0, 15000.0) == 10_000.0  # the plug went on counting
    assert held.at(102.0, 100.0, 0.0) == 10_100.0  # somebody reset it
    assert held.at(103.0, 100.0, 100.0) == 10_200.0
    assert held.at(104.0, 100.0, None) == 10_300.0
    assert held.at(204.0, 100.0, None) is None
