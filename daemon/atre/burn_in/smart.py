# SPDX-License-Identifier: Apache-2.0
"""What a drive says of itself, through smartctl(8) of smartmontools, which needs root.

On the appliance a unit with the rights for it asks each hour and leaves the answers in a folder.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from msgspec.structs import replace

from atre.burn_in.results import Smart
from atre.disks import smart
from atre.disks.health import REPORTS

_SYS = Path("/sys/dev/block")
_LIMIT_S = 30.0
_MAX_BYTES = 4 * 2**20


def read_smart(folder: Path) -> Smart | None:
    """The drive that holds ``folder``; None where nobody can tell."""
    drive = drive_of(folder)
    return None if drive is None else _asked(drive) or reported(drive, REPORTS)


def reported(drive: str, reports: Path) -> Smart | None:
    """What somebody with the rights for it left of this drive."""
    # smartctl knows NVMe drives by their controller: nvme0 has the namespace nvme0n1.
    for name in (drive, re.sub(r"^(nvme\d+)n\d+$", r"\1", drive)):
        try:
            with (reports / f"{name}.json").open("rb") as file:
                told = parse_smart(file.read(_MAX_BYTES))
                age_s = time.time() - os.fstat(file.fileno()).st_mtime
        except OSError:
            continue
        if told is not None:
            return replace(told, asked_min_ago=max(0, round(age_s / 60)))
    return None


def _asked(drive: str) -> Smart | None:
    program = shutil.which("smartctl")
    if program is None:
        return None
    try:
        # The exit status tells findings as bits; what was read is in the output all the same.
        done = subprocess.run(
            [program, "--json", "--all", f"/dev/{drive}"],
            capture_output=True, timeout=_LIMIT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_smart(done.stdout)


def parse_smart(output: bytes) -> Smart | None:
    """The output of ``smartctl --json --all``; None if it holds nothing of a drive's health."""
    told = smart.read("", output)
    if told is None:
        return None
    return Smart(
        model=told.model,
        is_passed=told.has_passed,
        wear_percent=None if told.wear is None else round(told.wear * 100),
        media_errors=told.media_errors,
        temperature_c=None if told.temperature_c is None else round(told.temperature_c),
        powered_on_h=told.power_on_hours,
    )


def drive_of(folder: Path, sys: Path = _SYS) -> str | None:
    """The kernel's name of the whole drive below a folder, through partitions, LUKS and LVM."""
    number = folder.stat().st_dev
    device = sys / f"{os.major(number)}:{os.minor(number)}"
    if not device.exists():
        return None  # an overlay or a filesystem in memory
    device = device.resolve()
    while below := sorted((device / "slaves").glob("*")):
        device = below[0].resolve()
    return (device.parent if (device / "partition").exists() else device).name
