# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

_FILE = Path("/proc/sys/kernel/random/boot_id")  # random(4)


def boot_id(file: Path = _FILE) -> str:
    """What tells one start of the machine from another; "" where the system has nothing such."""
    try:
        return file.read_text().strip()
    except OSError:
        return ""
