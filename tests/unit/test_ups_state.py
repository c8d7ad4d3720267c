# SPDX-License-Identifier: Apache-2.0
"""Variables as RFC 9271 names them; the odd ones are of kinds that real units say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.power.reading import Basis
from atre.power.ups.state import read_state


def test_a_ups_that_measures_says_its_watts() -> None:
    state = read_state(
        "office",
        {
            "ups.status": "OL CHRG", "ups.realpower": "41", "ups.load": "12",
            "ups.realpower.nominal": "330", "battery.charge": "96", "battery.runtime": "1260",
            "ups.mfr": "EATON", "ups.model": "Ellipse PRO 650",
        },
    )  # fmt: skip
    assert (state.power_w, state.power_basis) == (41, Basis.SENSOR)
    assert (state.is_on_battery, state.is_low, state.charge) == (False, False, 0.96)
    assert state.runtime_s == 1260
    assert state.model == "EATON Ellipse PRO 650"


def test_a_load_in_percent_times_the_nominal_power_is_marked_as_an_estimate() -> None:
    variables = {"ups.status": "OL", "ups.load": "12", "ups.realpower.nominal": "330"}
    state = read_state("office", variables)
    assert state.power_w == pytest.approx(39.6)
    assert state.power_basis is Basis.ESTIMATE
    hidden = read_state("office", {"ups.status": "OL", "ups.load": "12"}, nominal_w=500)
    assert (hidden.power_w, hidden.power_basis) == (60, Basis.ESTIMATE)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"ups.load": "12"},
        {"ups.realpower": "0"},
        {"ups.load": "0", "ups.realpower.nominal": "330"},
        {"ups.realpower": "-5"},
        {"ups.realpower": "nan"},
        {"ups.realpower": "N/A"},
        {"ups.realpower": "9000000"},
        {"ups.load": "255", "ups.realpower.nominal": "330"},
    ],
)
def test_watts_that_cannot_be_are_unknown_and_not_zero(variables: dict[str, str]) -> None:
    state = read_state("office", {"ups.status": "OL", **variables})
    assert (state.power_w, state.power_basis) == (None, Basis.UNKNOWN)


def test_constants_in_place_of_measures_are_not_believed() -> None:
    state = read_state(
        "office", {"ups.status": "OL", "battery.charge": "255", "battery.runtime": "-1"}
    )
    assert (state.charge, state.runtime_s) == (None, None)


@pytest.mark.parametrize(
    ("status", "on_battery", "low", "ending"),
    [
        ("OL", False, False, False),
        ("OB DISCHRG", True, False, False),
        ("OB LB", True, True, False),
        ("LB OB ALARM", True, True, False),
        ("FSD OB LB", True, True, True),
        ("OL LB", False, True, False),
        ("BYPASS", False, False, False),
        ("WAIT", None, False, False),
        ("", None, False, False),
        ("OBLIQUE", None, False, False),
    ],
)
def test_the_flags_of_the_status(status: str, on_battery: bool, low: bool, ending: bool) -> None:  # noqa: FBT001
    state = read_state("office", {"ups.status": status})
    assert (state.is_on_battery, state.is_low, state.is_ending) == (on_battery, low, ending)


@given(st.dictionaries(st.sampled_from(
    ["ups.status", "ups.load", "ups.realpower", "ups.realpower.nominal", "battery.charge",
     "battery.runtime", "ups.mfr", "ups.model"]), st.text(max_size=40)))  # fmt: skip
def test_no_text_breaks_the_reading(variables: dict[str, str]) -> None:
    state = read_state("office", variables)
    assert state.charge is None or 0 <= state.charge <= 1
    assert state.power_w is None or state.power_w > 0
    assert state.model.isprintable()
