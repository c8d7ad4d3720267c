# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import msgspec

# Of a disk that may hold other things too: everything of ours is in one folder.
FOLDER = "atre-backups"
_SFTP = "sftp:"


class OpenTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A target that can be used now.

    ``location`` is a folder, or ``sftp:…`` as restic takes it; ``options`` are restic's ``-o``.
    """

    id: str
    name: str
    location: str
    is_removable: bool = False
    options: tuple[str, ...] = ()

    @property
    def folder(self) -> Path | None:
        """The local folder, None for a server."""
        return None if self.location.startswith(_SFTP) else Path(self.location)
