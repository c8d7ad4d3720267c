# SPDX-License-Identifier: Apache-2.0
"""``atre backup targets``: the places for backups."""

from atre.cli.backup.targets.adding import add_disk, add_folder, add_sftp
from atre.cli.backup.targets.change import release, remove, rename
from atre.cli.backup.targets.listing import targets

__all__ = ["targets"]

for _verb in (add_disk, add_folder, add_sftp, rename, remove, release):
    targets.add_command(_verb)
