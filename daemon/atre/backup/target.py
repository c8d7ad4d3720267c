# SPDX-License-Identifier: Apache-2.0
"""A place that backups go to: a folder of a disk, or a server over SFTP."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

_SFTP = "sftp:"

TargetId = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9._-]{0,99}$")]
Location = Annotated[str, Meta(pattern=f"^(/|{_SFTP})", max_length=4096)]


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place; it may be away, as a disk in a safe is.

    ``id`` stays the same wherever a disk is mounted, and never says ``/dev``. ``location`` is a
    folder or ``sftp:USER@HOST:/PATH``; the repository of each unit is a folder in it. ``name`` is
    for people.
    """

    id: TargetId
    name: str
    location: Location
    is_removable: bool = False

    @property
    def folder(self) -> Path | None:
        """The local folder, None for a server."""
        return None if self.location.startswith(_SFTP) else Path(self.location)


class Targets(Protocol):
    """Who knows the places: those listed by hand, the disks that are plugged in."""

    def present(self) -> Sequence[Target]:
        """Those that can be written to now, one for each id."""
        ...
