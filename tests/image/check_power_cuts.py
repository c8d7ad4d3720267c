# SPDX-License-Identifier: Apache-2.0
"""The power is cut at random instants of what writes most; the box starts again, old or new.

ATRE_CUTS is how many cuts there are of each kind, ATRE_SEED where they fall.
"""

import os
import random
from pathlib import Path
from subprocess import TimeoutExpired

import pytest
from tests.image import moments
from tests.image.conftest import BUILD
from tests.image.first_start import LOGIN, FirstStart
from tests.image.guest import powered_on
from tests.image.judged import Found, started_again
from tests.image.machine import Machine, flashed, layer_over
from tests.image.report import Report
from tests.image.shell import CREDENTIALS
from tests.image.update import Written

_SEED = int(os.environ.get("ATRE_SEED", "1"))
_CUTS = int(os.environ.get("ATRE_CUTS", "8"))


@pytest.fixture
def instants(request: pytest.FixtureRequest) -> list[float]:
    """When to cut, as parts of the whole; each kind has its own."""
    dice = random.Random(f"{_SEED} {request.node.name}")
    return [dice.random() for _ in range(_CUTS)]


def test_while_an_update_is_written(
    started: FirstStart, disks: Path, trials: Path, limit_s: float, report: Report,
    instants: list[float],
) -> None:  # fmt: skip
    moment = moments.install(started.disk, disks, trials / "update.stick", limit_s=limit_s)
    found = _cut_at(moment, instants, limit_s=limit_s)
    _note(report, moment.name, moment.window_s, found)
    new = (trials / "version").read_text().strip()
    for each in found:
        is_old = (each.slot, each.version, each.is_trial) == ("a", started.ready.version, False)
        assert is_old or (each.slot, each.version, each.is_trial) == ("b", new, True), each
        _assert_data_are_whole(each)


def test_while_a_version_is_kept(
    written: Written, disks: Path, trials: Path, limit_s: float, report: Report,
    instants: list[float],
) -> None:  # fmt: skip
    moment = moments.confirmation(written.disk, disks, limit_s=limit_s)
    found = _cut_at(moment, instants, limit_s=limit_s)
    _note(report, moment.name, moment.window_s, found)
    for each in found:
        # Kept or still on trial: of three starts it had two.
        assert (each.slot, each.version) == ("b", (trials / "version").read_text().strip()), each
        _assert_data_are_whole(each)


def test_while_everything_is_erased(
    started: FirstStart, disks: Path, limit_s: float, report: Report, instants: list[float]
) -> None:
    moment = moments.factory_reset(started.disk, disks, limit_s=limit_s)
    found = _cut_at(moment, instants, limit_s=limit_s)
    _note(report, moment.name, moment.window_s, found)
    for each in found:
        assert each.slot == "a", each
        assert not each.data_problem, each
        # Marie's box, or nobody's; what is half erased is erased on by the box's own start.
        assert (each.integrity, each.logins) in [("ok", [LOGIN]), ("ok", []), ("absent", [])], each


def test_while_the_data_are_made(
    disks: Path, limit_s: float, report: Report, instants: list[float]
) -> None:
    """The first start of a flashed disk, from the power button on until the data are mounted."""
    image = flashed(BUILD / "disk.raw", disks / "fresh.raw")
    whole = started_again(layer_over(image, disks / "grown.qcow2"), disks, limit_s=limit_s)
    found = [
        _first_start_cut(
            layer_over(image, disks / "growth.qcow2"), whole.up_after_s * each, limit_s
        )
        for each in instants
    ]
    _note(report, "first start", whole.up_after_s, found)
    for each in found:
        assert each.slot == "a", each
        assert not each.data_problem, each


def _first_start_cut(disk: Path, after_s: float, limit_s: float) -> Found:
    machine = Machine(disk=disk, work=disk.parent, credentials=CREDENTIALS, is_careful=True)
    with powered_on(machine) as guest:
        with pytest.raises(TimeoutExpired):
            guest.process.wait(after_s)
        guest.cut_power()
    return started_again(disk, disk.parent, limit_s=limit_s)


def _cut_at(moment: moments.Moment, instants: list[float], *, limit_s: float) -> list[Found]:
    found = []
    for each in instants:
        moment.cut(each * moment.window_s)
        found.append(started_again(moment.machine.disk, moment.machine.work, limit_s=limit_s))
    return found


def _assert_data_are_whole(found: Found) -> None:
    assert not found.data_problem, found
    assert (found.integrity, found.logins) == ("ok", [LOGIN]), found


def _note(report: Report, name: str, window_s: float, found: list[Found]) -> None:
    report.note(
        f"power cuts: {name}",
        seed=_SEED,
        window_s=round(window_s, 1),
        cuts=len(found),
        started=[f"{each.slot} {each.version}{' on trial' * each.is_trial}" for each in found],
        up_after_s=[each.up_after_s for each in found],
    )
