# SPDX-License-Identifier: Apache-2.0
"""What of all readings is the machine's power: never nested, and its basis told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.power.machine_power import chosen, coverage, span_between
from atre.power.reading import Basis, Reading, Scope
from atre.power.trace import PowerTrace
from atre.sentence import Sentence


def reading(
    source: str,
    at_s: float = 1.0,
    power_w: float | None = None,
    energy_j: float | None = None,
    reason: Sentence | None = None,
) -> Reading:
    """What a source of that name says; the scope and basis that its real sampler gives it."""
    kind, _, name = source.partition(":")
    scope, basis = {
        "plug": (Scope.WALL, Basis.PLUG),
        "ups": (Scope.WALL, Basis.ESTIMATE),
        "battery": (Scope.PLATFORM, Basis.SENSOR),
        "rapl": (Scope.PLATFORM if name == "psys" else Scope.PACKAGE, Basis.COUNTER),
        "apu": (Scope.PACKAGE, Basis.SENSOR),
        "nvml": (Scope.CARD, Basis.COUNTER),
        "hwmon": (Scope.CARD, Basis.SENSOR),
    }[kind]
    return Reading(
        source=source,
        scope=scope,
        basis=basis,
        at_s=at_s,
        power_w=power_w,
        energy_j=energy_j,
        reason=reason,
    )


PLUG, PSYS = reading("plug:shelly:192.0.2.7", power_w=90.0), reading("rapl:psys", power_w=70.0)
PACKAGE, SECOND = reading("rapl:package-0", power_w=30.0), reading("rapl:package-1", power_w=31.0)
CARD, APU = reading("nvml:GPU-1", power_w=20.0), reading("apu:0000:c4:00.0", power_w=29.0)
BATTERY, UPS = reading("battery", power_w=65.0), reading("ups:office", power_w=200.0)
SILENT = Sentence("no answer", "pas de réponse")


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([UPS, CARD, PACKAGE, PSYS, PLUG], [PLUG]),
        ([UPS, CARD, PACKAGE, PSYS], [PSYS]),
        ([UPS, CARD, PACKAGE, SECOND], [PACKAGE, SECOND, CARD]),
        ([UPS], [UPS]),
        ([APU, PACKAGE], [PACKAGE]),  # both tell of the same processor
        ([APU], [APU]),
        ([BATTERY, PSYS], [PSYS]),
        ([BATTERY, PACKAGE], [BATTERY]),
        ([CARD, reading("rapl:package-0", reason=SILENT)], [CARD]),
        # Half of the machine is not the machine: one of two plugs, one of two processors.
        ([PLUG, reading("plug:tasmota:192.0.2.8", reason=SILENT), PACKAGE], [PACKAGE]),
        ([PACKAGE, reading("rapl:package-1", reason=SILENT)], []),
        # A psys that reads less than what it should contain is not wired to it.
        ([PACKAGE, reading("nvml:GPU-1", power_w=200.0), PSYS],
         [PACKAGE, reading("nvml:GPU-1", power_w=200.0)]),
        ([PACKAGE, reading("plug:shelly:192.0.2.7", power_w=0.0)], [PACKAGE]),
        ([PACKAGE, reading("plug:shelly:192.0.2.7", power_w=1e7)], [PACKAGE]),
        ([PACKAGE, reading("plug:shelly:192.0.2.7", power_w=float("nan"))], [PACKAGE]),
        ([PACKAGE, reading("plug:shelly:192.0.2.7", at_s=-60.0, power_w=90.0)], [PACKAGE]),
        ([], []),
    ],
)  # fmt: skip
def test_the_widest_reading_counts_and_nothing_inside_it(
    readings: list[Reading], expected: list[Reading]
) -> None:
    assert chosen(readings) == expected


def test_counters_are_preferred_to_samples_of_power() -> None:
    before = [reading("rapl:package-0", 1.0, power_w=5.0, energy_j=100.0)]
    after = [reading("rapl:package-0", 3.0, power_w=5.0, energy_j=160.0)]

    span = span_between(before, after)

    assert span is not None
    assert (span.start_s, span.end_s, span.energy_j) == (1.0, 3.0, 60.0)
    assert span.basis is Basis.COUNTER


def test_parts_are_added_and_the_worst_basis_is_told() -> None:
    before = [reading("rapl:package-0", 1.0, energy_j=100.0), reading("hwmon:1", 1.0, 40.0)]
    after = [reading("rapl:package-0", 2.0, 10.0, energy_j=110.0), reading("hwmon:1", 2.0, 60.0)]

    span = span_between(before, after)

    assert span is not None
    assert span.energy_j == pytest.approx(60.0)
    assert span.basis is Basis.SENSOR


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [PACKAGE]),
        ([PACKAGE], []),
        # The counter began anew: a sleep, a driver that was loaded again.
        ([reading("rapl:psys", 1.0, 9.0, 50.0)], [reading("rapl:psys", 2.0, 9.0, 0.0)]),
        # Samples that are too far apart, and a source that has said nothing new.
        ([reading("hwmon:1", 1.0, 40.0)], [reading("hwmon:1", 100.0, 40.0)]),
        ([reading("plug:a", 1.0, 40.0, 5.0)], [reading("plug:a", 1.0, 40.0, 5.0)]),
        # The card told nothing before: the processor alone would be too little.
        ([reading("rapl:package-0", 1.0, 9.0, 5.0)],
         [reading("rapl:package-0", 2.0, 9.0, 14.0), reading("nvml:GPU-1", 2.0, 90.0, 0.0)]),
    ],
)  # fmt: skip
def test_where_nobody_can_tell_there_is_no_span(
    before: list[Reading], after: list[Reading]
) -> None:
    assert span_between(before, after) is None


def test_while_the_plug_is_silent_the_hardware_tells() -> None:
    rapl = [reading("rapl:package-0", at, 9.0, 9 * at) for at in (1.0, 2.0)]
    silent = reading("plug:a", 2.0, reason=SILENT)

    span = span_between([rapl[0], reading("plug:a", 1.0, 90.0)], [rapl[1], silent])

    assert span is not None
    assert span.power_w == pytest.approx(9.0)


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 2.0),  # seconds since the round before
            st.floats(1.0, 300.0),  # watts since then
            st.booleans(),  # whether the plug said something new
        ),
        min_size=1,
        max_size=30,
    )
)
def test_the_spans_of_one_source_close_on_its_counter(
    rounds: list[tuple[float, float, bool]],
) -> None:
    trace, at_s, energy_j = PowerTrace(), 0.0, 0.0
    before = told = [reading("plug:a", 0.0, 1.0, 0.0)]
    for elapsed_s, watts, is_new in rounds:
        at_s, energy_j = at_s + elapsed_s, energy_j + watts * elapsed_s
        if is_new:
            told = [reading("plug:a", at_s, watts, energy_j)]
        if (span := span_between(before, told)) is not None:
            trace.append(span)
            before = told

    total_j = sum(span.energy_j for span in trace.between(0.0, at_s + 1))
    assert total_j == pytest.approx(told[0].energy_j)


def test_what_is_covered_is_said_with_what_is_not() -> None:
    assert coverage([PLUG, PACKAGE]).text == "everything that hangs on the metering plug"
    assert coverage([PACKAGE, CARD]).text == (
        "the processor and the graphics card; not the disks, fans, power supply losses"
    )
    assert coverage([PACKAGE, CARD]).text_fr == (
        "le processeur et la carte graphique ; "
        "pas les disques, ventilateurs, pertes de l’alimentation"
    )
    assert coverage([PACKAGE, reading("nvml:GPU-1", reason=SILENT)]).text.startswith(
        "the processor; not the graphics card,"
    )
    assert coverage([CARD]).text.startswith("the graphics card; not the processor,")
    assert "UPS" in coverage([UPS]).text
    assert coverage([reading("rapl:package-0", reason=SILENT)]) == SILENT
    assert "plug" in coverage([]).text
