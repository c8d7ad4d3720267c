# SPDX-License-Identifier: Apache-2.0
"""Updates of the running image: refused with a reason, or written and kept."""

from pathlib import Path

import pytest
from tests.image.box import slots, wait_for_status
from tests.image.first_start import wait_until_ready
from tests.image.guest import powered_on
from tests.image.machine import Machine, layer_over
from tests.image.report import Report
from tests.image.shell import CREDENTIALS, Shell
from tests.image.update import REFUSED, Written

# Exit statuses of `atre update install`: not to be trusted, damaged, not for us.
_STATUS = {"stranger": {3}, "compatible": {8}, "older": {8}, "truncated": {3, 7}, "flipped": {7}}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_bundle_is_refused_with_its_reason(written: Written, name: str) -> None:
    ran = written.refused[name]
    assert ran.status in _STATUS[name], ran
    assert ran.output.splitlines()[-1].startswith("Error: "), ran


def test_refused_bundles_leave_the_box_as_it_was(written: Written) -> None:
    assert written.files_before == written.files_after
    assert slots(written.before) == slots(written.after)


def test_the_order_is_carried_out(written: Written) -> None:
    assert written.told.status == 0, written.told


def test_a_good_update_is_kept(
    written: Written, trials: Path, disks: Path, limit_s: float, report: Report
) -> None:
    version = (trials / "version").read_text().strip()
    disk = layer_over(written.disk, disks / "good.qcow2")
    box = Machine(disk=disk, work=disks, credentials=CREDENTIALS)
    with powered_on(box) as guest:
        ready = wait_until_ready(guest, limit_s=limit_s)
        assert ready.version == version
        with Shell(box.shell) as shell:
            shell.wait_until_up(limit_s)
            status = wait_for_status(
                shell, lambda told: slots(told)["b"] == "confirmed", limit_s=limit_s
            )
            report.note("good update", ready_s=ready.after_s, kept_after_s=round(guest.age_s, 1))
    assert status["version"] == version
    assert status["last_return"] is None
    assert status["go_back"]["refusal"] is None
