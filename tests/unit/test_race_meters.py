# SPDX-License-Identifier: Apache-2.0
"""What is read around a measurement: the energy it took, and whether others disturbed it."""

from pathlib import Path

import pytest

from atre.plan.race.load import Moment, between, moment
from atre.power.powercap import Counter, joules_between, read_counters


@pytest.mark.parametrize(
    ("stalled_s", "own_s", "threads", "is_disturbed"),
    [
        (0.1, 0.0, 2, False),
        (1.5, 8.0, 2, True),  # the kernel's word counts, whatever time we got
        (None, 7.6, 2, False),
        (None, 4.1, 2, True),  # another program took the second core
        (None, 0.3, 0, False),  # a card computed: our own time says nothing
    ],
)
def test_a_measurement_is_disturbed_by_who_waits_for_the_processor(
    stalled_s: float | None,
    own_s: float,
    threads: int,
    is_disturbed: bool,  # noqa: FBT001
) -> None:
    before = Moment(wall_s=100.0, own_s=3.0, stalled_s=None if stalled_s is None else 50.0)
    after = Moment(
        wall_s=104.0, own_s=3.0 + own_s, stalled_s=None if stalled_s is None else 50.0 + stalled_s
    )
    assert between(before, after, threads=threads).is_disturbed is is_disturbed


def test_the_time_that_tasks_waited_is_the_kernels(tmp_path: Path) -> None:
    pressure = tmp_path / "cpu"
    pressure.write_text(
        "some avg10=0.00 avg60=1.20 avg300=0.30 total=2500000\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
    )
    assert moment(pressure).stalled_s == 2.5
    pressure.write_bytes(b"\xff garbage")
    assert moment(pressure).stalled_s is None
    assert moment(tmp_path / "none").stalled_s is None
    assert moment(tmp_path / "none").own_s > 0


def test_energy_is_counted_once_and_over_the_end_of_the_counter(tmp_path: Path) -> None:
    domains = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:1": "psys"}
    for domain, name in domains.items():
        folder = tmp_path / "sys/class/powercap" / domain
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "energy_uj").write_text("900000\n")
        (folder / "max_energy_range_uj").write_text("1000000\n")
    before = read_counters(tmp_path)
    assert before == {"psys": Counter(900_000, 1_000_000)}
    assert joules_between(before, {"psys": Counter(100_000, 1_000_000)}) == 0.2
    assert joules_between(before, before) is None
    assert joules_between({}, {}) is None
