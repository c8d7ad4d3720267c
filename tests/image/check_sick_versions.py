# SPDX-License-Identifier: Apache-2.0
"""Versions that do not work: the box is back on the one before by itself, and says why."""

import time
from pathlib import Path

import pytest
from tests.image.box import slots, wait_for_status
from tests.image.first_start import FirstStart
from tests.image.guest import restarted_until
from tests.image.machine import Machine, layer_over
from tests.image.report import Report
from tests.image.shell import Shell
from tests.image.sickness import SICKNESSES
from tests.image.update import Written


@pytest.mark.parametrize("name", SICKNESSES)
def test_a_sick_version_is_left_by_itself(
    written: Written, started: FirstStart, disks: Path, limit_s: float, report: Report, name: str
) -> None:
    disk = layer_over(written.disk, disks / f"{name}.qcow2")
    sickness = SICKNESSES[name]
    box = Machine(disk=disk, work=disks, credentials=sickness.credentials, ends_at_restart=True)
    began = time.monotonic()
    healthy = f"READY Âtre {started.ready.version} "
    with restarted_until(box, healthy, limit_s=3 * limit_s), Shell(box.shell) as shell:
        shell.wait_until_up(limit_s)
        status = wait_for_status(shell, lambda told: bool(told["last_return"]), limit_s=limit_s)
    back = status["last_return"]
    back_s = round(time.monotonic() - began, 1)
    report.note(f"sick: {name}", back_s=back_s, reason=back["reason"]["text"])
    assert status["version"] == started.ready.version
    assert back["reason"]["text_fr"]
    assert back["failed"] == sickness.failed
    assert back["log"]
    assert slots(status)["b"] == "failed"
