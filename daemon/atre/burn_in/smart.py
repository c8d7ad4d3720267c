# SPDX-License-Identifier: Apache-2.0
"""What a drive says of itself, through smartctl(8) of smartmontools, which needs root."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec

from atre.burn_in.results import Smart

_SYS = Path("/sys/dev/block")
_LIMIT_S = 30.0
_REALLOCATED, _PENDING = 5, 197  # ATA attributes: sectors replaced, sectors that will be


def read_smart(folder: Path) -> Smart | None:
    """The drive that holds ``folder``; None where nobody can tell."""
    program, drive = shutil.which("smartctl"), drive_of(folder)
    if program is None or drive is None:
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
    try:
        told = msgspec.json.decode(output)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    nvme = _at(told, "nvme_smart_health_information_log")
    smart = Smart(
        model=str(_at(told, "model_name") or ""),
        is_passed=_flag(_at(told, "smart_status", "passed")),
        wear_percent=_first(
            _at(nvme, "percentage_used"), _at(told, "endurance_used", "current_percent")
        ),
        media_errors=_first(_at(nvme, "media_errors"), _bad_sectors(told)),
        temperature_c=_first(_at(told, "temperature", "current")),
        powered_on_h=_first(_at(told, "power_on_time", "hours")),
    )
    nothing = Smart(model=smart.model)
    return None if smart == nothing else smart


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


def _bad_sectors(told: Any) -> int | None:
    table = _at(told, "ata_smart_attributes", "table")
    if not isinstance(table, list):
        return None
    counts = [
        _first(_at(row, "raw", "value"))
        for row in table
        if _at(row, "id") in {_REALLOCATED, _PENDING}
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _first(*values: Any) -> int | None:
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool)), None)


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
