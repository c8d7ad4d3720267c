# SPDX-License-Identifier: Apache-2.0
"""Where backups keep their things in a box's data directory."""

from pathlib import Path

import msgspec

from atre.models.store import Store


class Place(msgspec.Struct, frozen=True):
    """The paths of one box."""

    data_dir: Path

    @property
    def state_dir(self) -> Path:
        return self.data_dir / "state"

    @property
    def secrets_dir(self) -> Path:
        return self.data_dir / "secrets"

    @property
    def database(self) -> Path:
        return self.data_dir / "atre.db"

    @property
    def work_dir(self) -> Path:
        """Scratch of the job that runs, on the disk of the data; a dead one's is removed."""
        return self.data_dir / "backup-work"

    @property
    def lock(self) -> Path:
        return self.data_dir / "backup.lock"

    @property
    def restore_dir(self) -> Path:
        """What a restore staged, and what it replaced."""
        return self.data_dir / "restore"

    @property
    def store(self) -> Store:
        return Store(self.data_dir / "models")
