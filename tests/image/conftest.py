# SPDX-License-Identifier: Apache-2.0
"""The image's first start, once, and what the other checks begin from."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.image import machine
from tests.image.first_start import FirstStart, first_start
from tests.image.machine import layer_over
from tests.image.report import Report
from tests.image.update import Written, write_update

BUILD = Path(__file__).parents[2] / "build" / "image"
LIMIT_S = float(os.environ.get("ATRE_BOOT_LIMIT_S", "1500"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = machine.is_missing()
    if why is None and not (BUILD / "disk.raw").exists():
        why = "make image first"
    # pytest hands over what it collected anywhere, not beside this file alone.
    for item in (each for each in items if each.path.parent == Path(__file__).parent):
        item.add_marker(pytest.mark.timeout(6 * LIMIT_S))
        if why:
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def limit_s() -> float:
    """How long a start may take: ATRE_BOOT_LIMIT_S."""
    return LIMIT_S


@pytest.fixture(scope="session")
def trials() -> Path:
    """The updates made for this image (image-build/steps/trials.sh)."""
    return BUILD / "trials"


@pytest.fixture(scope="session")
def disks() -> Iterator[Path]:
    """A folder for disks beside the image: a temporary folder may be in memory."""
    with TemporaryDirectory(dir=BUILD, prefix="tried-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def report() -> Iterator[Report]:
    """Times and cases, kept beside the image for docs/reliability.md; a file for each worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    kept = Report(BUILD / "report" / f"{worker}.json")
    yield kept
    kept.write()


@pytest.fixture(scope="session")
def started(disks: Path, limit_s: float, report: Report) -> FirstStart:
    """A unit that was flashed, started, claimed and switched off."""
    disk = machine.flashed(BUILD / "disk.raw", disks / "claimed.raw")
    seen = first_start(disk, disks, limit_s=limit_s)
    report.note("first start", ready_s=seen.ready.after_s, by_its_clock_s=seen.ready.by_its_clock_s)
    report.note("switched off", off_s=seen.off_s)
    return seen


@pytest.fixture(scope="session")
def written(
    started: FirstStart, disks: Path, trials: Path, limit_s: float, report: Report
) -> Written:
    """The claimed box, with the next version written and not started."""
    disk = layer_over(started.disk, disks / "written.qcow2")
    seen = write_update(disk, disks, trials, limit_s=limit_s)
    for name, ran in seen.refused.items():
        report.note(f"refused: {name}", status=ran.status, said=ran.output.splitlines()[-1:])
    return seen
