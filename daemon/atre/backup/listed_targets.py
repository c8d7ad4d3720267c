# SPDX-License-Identifier: Apache-2.0
"""The targets that somebody named: folders, mounted shares, servers over SFTP."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from atre.backup.target import Target
from atre.durable import write_durably
from atre.errors import BackupError, BackupProblem

_FILE = "backup-targets.json"


class ListedTargets:
    """Kept in ``state/backup-targets.json``."""

    def __init__(self, state_dir: Path, data_dir: Path) -> None:
        self._path = state_dir / _FILE
        self._data_dir = data_dir

    def all(self) -> list[Target]:
        """Those that were named, present or not; a damaged file names none."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[Target])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return []

    def present(self) -> Sequence[Target]:
        """Those whose folder exists, and servers: whether one answers is seen when it is asked."""
        return [t for t in self.all() if t.folder is None or t.folder.is_dir()]

    def add(self, name: str, location: str) -> Target:
        """Raises BackupError for a place that cannot be one, and OSError."""
        target = self._checked(name, location)
        others = [each for each in self.all() if each.id != target.id]
        self._write([*others, target])
        return target

    def remove(self, target_id: str) -> None:
        """Raises BackupError if it is not one of these, and OSError."""
        left = [each for each in self.all() if each.id != target_id]
        if len(left) == len(self.all()):
            raise BackupError(
                f"No place {target_id!r} was named by hand. A disk goes when it is unplugged.",
                f"Aucun endroit «\u00a0{target_id}\u00a0» n’a été nommé à la main. Un disque s’en "
                "va quand on le débranche.",
                problem=BackupProblem.TARGET_UNKNOWN,
            )
        self._write(left)

    def _checked(self, name: str, location: str) -> Target:
        digest = hashlib.sha256(location.rstrip("/").encode()).hexdigest()[:12]
        if location.startswith("sftp:"):
            if location.count(":") < 2 or not location.isprintable():  # noqa: PLR2004
                raise _unusable(
                    "Write a server as sftp:USER@HOST:/PATH.",
                    "Écrivez un serveur ainsi\u00a0: sftp:USER@HÔTE:/CHEMIN.",
                )
            return Target(id=f"sftp-{digest}", name=name, location=location)
        folder = Path(location)
        if not folder.is_absolute() or not folder.is_dir():
            raise _unusable(
                f"{location} is no folder here. Give a whole path, from / on, that exists.",
                f"{location} n’est pas un dossier d’ici. Donnez un chemin entier, depuis /, qui "
                "existe.",
            )
        if folder.resolve().is_relative_to(self._data_dir.resolve()):
            raise _unusable(
                "That folder is within the box's own data, which a backup must outlive. Choose "
                "another disk.",
                "Ce dossier est dans les données du boîtier, auxquelles une sauvegarde doit "
                "survivre. Choisissez un autre disque.",
            )
        return Target(id=f"dir-{digest}", name=name, location=str(folder))

    def _write(self, targets: Sequence[Target]) -> None:
        write_durably(self._path, msgspec.json.format(msgspec.json.encode(targets)))


def _unusable(english: str, french: str) -> BackupError:
    return BackupError(english, french, problem=BackupProblem.TARGET_UNKNOWN)
