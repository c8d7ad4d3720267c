# SPDX-License-Identifier: Apache-2.0
"""What is learned from a plug, tried on what others published of three machines."""

import random
from pathlib import Path

import pytest

from atre.power.calibration import Calibration, Fit, Pair, fitted
from atre.power.reading import Basis
from atre.power.trace import Span

# CodeCarbon, docs/explanation/rapl.md (0fe3534): what the battery or the wall gave, and what RAPL
# said, idle and under load.
PUBLISHED = {
    "265H psys": ((6.0, 6.66), (27.0, 24.69)),
    "265H package": ((6.0, 3.85), (27.0, 21.35)),
    "1950X package": ((100.0, 38.62), (280.0, 172.5)),
}
GOAL = 0.15  # D2 of the hardware goals


def minutes(name: str, *, num: int = 60, lamps: int = 0) -> list[Pair]:
    """Minutes that were partly idle and partly at work, as a plug and the sensors would tell."""
    (idle_wall, idle_sensor), (load_wall, load_sensor) = PUBLISHED[name]
    chance = random.Random(7)
    made = []
    for number in range(num):
        share = chance.random()
        wall = idle_wall + share * (load_wall - idle_wall)
        sensor = idle_sensor + share * (load_sensor - idle_sensor)
        lamp = 40.0 if number < lamps else 0.0
        made.append(Pair(wall * chance.gauss(1, 0.03) + lamp, sensor * chance.gauss(1, 0.03)))
    return made


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("lamps", [0, 6])
def test_the_wall_is_met_within_the_goal_though_a_lamp_hung_on_the_plug(
    name: str, lamps: int
) -> None:
    fit = fitted(minutes(name, lamps=lamps), "rapl", made_at=0.0)
    assert fit is not None
    for wall_w, sensor_w in PUBLISHED[name]:
        span = fit.wall_span(Span(0.0, 60.0, sensor_w * 60, Basis.COUNTER))
        assert span.power_w == pytest.approx(wall_w, rel=GOAL)
        assert span.basis is Basis.ESTIMATE


def test_without_calibration_the_goal_is_missed() -> None:
    wall_w, sensor_w = PUBLISHED["265H package"][0]
    assert abs(sensor_w - wall_w) / wall_w > GOAL


def test_the_error_that_is_shown_does_not_hide_the_outliers() -> None:
    quiet, lit = (fitted(minutes("1950X package", lamps=n), "rapl", made_at=0.0) for n in (0, 6))
    assert quiet is not None
    assert lit is not None
    assert quiet.error_fraction < 0.06 < lit.error_fraction
    assert lit.slope == pytest.approx(quiet.slope, rel=0.1)


def test_few_minutes_or_one_load_teach_nothing() -> None:
    assert fitted(minutes("265H psys", num=19), "rapl", made_at=0.0) is None
    still = [Pair(100 + number % 2, 40 + number % 3) for number in range(100)]
    assert fitted(still, "rapl", made_at=0.0) is None


def test_a_sensor_that_falls_when_the_wall_rises_is_not_believed() -> None:
    turned = [Pair(200 - pair.wall_w, pair.sensor_w) for pair in minutes("265H psys")]
    assert fitted(turned, "rapl", made_at=0.0) is None


def learned(path: Path, pairs: list[Pair]) -> Calibration:
    calibration = Calibration(path)
    for pair in pairs:
        calibration.add(pair, "rapl", now_s=1000.0)
    return calibration


def test_what_was_learned_outlives_a_restart_and_can_be_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "power-calibration.json"
    calibration = learned(path, minutes("265H psys", num=25))
    calibration.save()
    again = Calibration(path)
    assert isinstance(again.fit, Fit)
    assert again.fit == calibration.fit
    assert again.num_minutes == 25
    again.forget()
    assert Calibration(path).fit is None


def test_other_sensors_begin_anew_but_the_line_of_the_old_ones_stays_theirs(tmp_path: Path) -> None:
    calibration = learned(tmp_path / "kept", minutes("265H psys"))
    calibration.add(Pair(10, 5), "nvml")
    assert calibration.num_minutes == 1
    assert calibration.fit is not None
    assert calibration.fit.source == "rapl"


def test_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_bytes(b"\xff{")
    assert Calibration(path).fit is None
