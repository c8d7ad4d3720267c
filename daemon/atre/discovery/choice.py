# SPDX-License-Identifier: Apache-2.0
"""Whether the manager wants the box announced on the LAN, kept over restarts."""

from pathlib import Path

import msgspec

from atre.system.durable import write_durably

_FILE = "discovery.json"


class _Choice(msgspec.Struct, frozen=True):
    announced: bool


def read(state_dir: Path) -> bool:
    """The choice; announced where none was made, or it cannot be read."""
    try:
        return msgspec.json.decode((state_dir / _FILE).read_bytes(), type=_Choice).announced
    except (OSError, msgspec.DecodeError):
        return True


def write(state_dir: Path, *, announced: bool) -> None:
    """Keep the choice. Raises OSError."""
    write_durably(state_dir / _FILE, msgspec.json.encode(_Choice(announced)))
