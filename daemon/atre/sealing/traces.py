# SPDX-License-Identifier: Apache-2.0
"""What a unit keeps when it is sealed, and removing everything else.

What is not named here goes, so that a new kind of data is never delivered by oversight.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from atre.choices.owner_mark import MARK
from atre.choices.unit_file import FOLDER

# Measured on this very machine: the office need not wait for it again.
_MEASURED = frozenset({"race.json", "speed.json", "power-baseline.json", "power-calibration.json"})
# What a reseller set up beforehand (``atre provision``) is for the office.
_PROVISIONED = frozenset({"network.json", "provision.json"})
_KEPT = frozenset({"lock", "models", FOLDER, "state"})


def traces(data_dir: Path, partial_dir: Path) -> list[Path]:
    """What the bench left, in an order in which sealing goes on after a power cut.

    SQLite's journal goes before its database, for it would be applied to the next one; the mark
    that the box is nobody's goes after it, for without it the database is somebody's.
    """
    found = [path for path in _entries(data_dir) if path.name not in _KEPT]
    found += [
        path for path in _entries(data_dir / "state") if path.name not in _MEASURED | _PROVISIONED
    ]
    found += _entries(partial_dir)
    return sorted(found, key=lambda path: (path.name == MARK, path.name.endswith(".db"), path))


def remove(paths: list[Path]) -> Iterator[Path]:
    """Remove each and tell it; what is left after a power cut is found again. Raises OSError."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        yield path
    os.sync()


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
