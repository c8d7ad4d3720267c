# SPDX-License-Identifier: Apache-2.0
"""What was written to the disk is replayed as power cuts would leave it (README.md beside this).

ATRE_REPLAYS is how many states are judged of each log, ATRE_SEED which.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.image.conftest import BUILD
from tests.image.first_start import FirstStart, wait_until_ready
from tests.image.guest import powered_on
from tests.image.machine import Machine, flashed
from tests.image.report import Report
from tests.image.shell import CREDENTIALS, Shell
from tests.image.update import install_update

_REPLAYS = os.environ.get("ATRE_REPLAYS", "1000")
_SEED = os.environ.get("ATRE_SEED", "1")


def test_an_installation(
    started: FirstStart, disks: Path, trials: Path, limit_s: float, report: Report
) -> None:
    base = started.disk
    disk, log = flashed(base, disks / "logged.raw"), disks / "installation.log"
    log.touch()
    machine = Machine(
        disk=disk, work=disks, credentials=CREDENTIALS, sticks=(trials / "update.stick",),
        write_log=log, ends_at_restart=True,
    )  # fmt: skip
    with powered_on(machine) as guest:
        wait_until_ready(guest, limit_s=limit_s)
        with Shell(machine.shell) as shell:
            told = install_update(guest, shell, limit_s=limit_s)
    assert told.status == 0, told
    versions = [
        f"{started.ready.version}={BUILD / 'slot'}",
        f"{(trials / 'version').read_text().strip()}={trials / 'slot'}",
    ]
    _replayed(base, log, "installation", versions, report, "--sqlite", "/lib/atre/atre.db")


def test_a_first_start(disks: Path, limit_s: float, report: Report, started: FirstStart) -> None:
    base = flashed(BUILD / "disk.raw", disks / "flashed.raw")
    disk, log = flashed(base, disks / "growing.raw"), disks / "first-start.log"
    log.touch()
    machine = Machine(disk=disk, work=disks, credentials=CREDENTIALS, write_log=log)
    with powered_on(machine), Shell(machine.shell) as shell:
        shell.wait_until_up(limit_s)
        shell.must("sync")
    versions = [f"{started.ready.version}={BUILD / 'slot'}"]
    _replayed(base, log, "first start", versions, report, "--data", "made")


def _replayed(
    base: Path, log: Path, name: str, versions: list[str], report: Report, *options: str
) -> None:
    found = base.parent / "replays.json"
    expected = [word for version in versions for word in ("--expect", version)]
    done = subprocess.run(
        [
            sys.executable, "-m", "tests.image.replay",
            "--base", base, "--log", log, "--name", name,
            "--seed", _SEED, "--replays", _REPLAYS, "--json", found, *expected, *options,
        ],
        cwd=Path(__file__).parents[2],
        check=False,
    )  # fmt: skip
    assert done.returncode == 0
    told = json.loads(found.read_text())
    report.note(f"replays: {name}", **told)
    assert told["replays"] == int(_REPLAYS), "the log holds fewer states: was everything recorded?"
    assert told["data"].get("intact"), told["data"]


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tools are Linux's")
