# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import msgspec

# Of a disk that may hold other things too: everything of ours is in one folder.
FOLDER = "atre-backups"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a backup can be written now.

    ``location`` is a folder, or ``sftp:…`` as restic takes it; ``options`` are restic's ``-o``.
    """

    id: str
    name: str
    location: str
    is_removable: bool = False
    options: tuple[str, ...] = ()
    folder: Path | None = None
