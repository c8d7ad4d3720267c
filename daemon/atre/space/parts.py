# SPDX-License-Identifier: Apache-2.0
"""What takes the room in the data directory."""

import os
import stat
from pathlib import Path

# What a person knows them by; ``upgrades`` holds copies of the database.
_PARTS = {
    "models": "models",
    "logs": "logs",
    "backup": "staging",
    "reserve": "reserve",
    "upgrades": "conversations",
}
_DATABASE = "atre.db"
NAMES = ("models", "conversations", "logs", "staging", "reserve", "other")


def parts(data_dir: Path) -> dict[str, int]:
    """Bytes by part, as files say; what vanishes or cannot be read meanwhile counts nothing."""
    found = dict.fromkeys(NAMES, 0)
    for folder, _, names in os.walk(data_dir):
        for name in names:
            path = Path(folder) / name
            try:
                status = path.lstat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                found[_part_of(path.relative_to(data_dir))] += status.st_size
    return found


def _part_of(path: Path) -> str:
    first = path.parts[0]
    return "conversations" if first.startswith(_DATABASE) else _PARTS.get(first, "other")
