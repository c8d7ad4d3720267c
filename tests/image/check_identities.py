# SPDX-License-Identifier: Apache-2.0
"""Two units flashed from one image share no identity."""

from pathlib import Path

from tests.image.conftest import BUILD
from tests.image.first_start import SCREEN, FirstStart, identity_of, wait_until_ready
from tests.image.guest import powered_on
from tests.image.machine import Machine, flashed
from tests.image.panel import claim_code_on
from tests.image.shell import CREDENTIALS, Shell


def test_two_units_share_nothing(started: FirstStart, disks: Path, limit_s: float) -> None:
    machine = Machine(
        disk=flashed(BUILD / "disk.raw", disks / "second.raw"), work=disks, credentials=CREDENTIALS
    )
    with powered_on(machine) as guest:
        wait_until_ready(guest, limit_s=limit_s)
        with Shell(machine.shell) as shell:
            shell.wait_until_up(limit_s)
            second = identity_of(shell)
            code = claim_code_on(shell.must(SCREEN))
    assert second.keys() == started.identity.keys()
    assert not {name for name in second if second[name] == started.identity[name]}
    assert code != claim_code_on(started.screen)
