# SPDX-License-Identifier: Apache-2.0
"""The mark of a box that waits for an owner, for whoever may not read the accounts.

The accounts decide. Every start of the box sets the mark by them before anything is announced, so
that a power cut between a claim and its mark misleads nobody.
"""

import os
from pathlib import Path

from atre.system.durable import write_durably

MARK = "waits-for-owner"


def waits_for_owner(state_dir: Path) -> bool:
    """Whether the box is nobody's yet."""
    return (state_dir / MARK).exists()


def set_mark(state_dir: Path, *, waits: bool) -> None:
    """Say durably whether the box waits for an owner. Raises OSError."""
    mark = state_dir / MARK
    if waits:
        write_durably(mark, b"")
        return
    try:
        mark.unlink()
    except FileNotFoundError:
        return
    directory = os.open(state_dir, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
