# SPDX-License-Identifier: Apache-2.0
"""What a backup says of itself: every file with its digest, every table with its rows."""

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from atre.errors import BackupError, BackupProblem

NAME = "manifest.json"
FORMAT = 1
_BLOCK_BYTES = 2**20


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the backup, by its path within."""

    path: str
    size_bytes: int
    sha256: str


class TableEntry(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a table of a database has."""

    database: str
    table: str
    rows: int


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A model that the box had; ``is_included`` says that its weights lie in the backup."""

    name: str
    sha256: tuple[str, ...]
    size_bytes: int
    source: str
    kind: str
    is_included: bool


class BackupManifest(msgspec.Struct, frozen=True, kw_only=True):
    """The file ``manifest.json`` at a snapshot's root. ``at`` is seconds since 1970."""

    format: Annotated[int, Meta(ge=1)]
    unit: str
    version: str
    architecture: str
    at: float
    files: tuple[FileEntry, ...]
    tables: tuple[TableEntry, ...]
    models: tuple[ModelEntry, ...]
    chosen_model: str | None

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def rows(self, table: str) -> int:
        """The rows of a table of the box's database, 0 if there is no such table."""
        return sum(e.rows for e in self.tables if e.database == "atre.db" and e.table == table)


def read_manifest(data: bytes) -> BackupManifest:
    """Raises BackupError for one that a newer Âtre wrote, or nonsense."""
    try:
        manifest = msgspec.json.decode(data, type=BackupManifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupError(
            f"This backup does not say what it holds ({error}). Choose another one.",
            f"Cette sauvegarde ne dit pas ce qu’elle contient ({error}). Choisissez-en une autre.",
            problem=BackupProblem.DAMAGED,
        ) from error
    return manifest


def check_version(manifest: BackupManifest, version: str) -> None:
    """Raises BackupError for a backup that a newer Âtre than ``version`` made."""
    if manifest.format > FORMAT or _number(manifest.version) > _number(version):
        raise BackupError(
            f"This backup was made by Âtre {manifest.version}, and this box runs {version}. Update "
            "the box, then restore.",
            f"Cette sauvegarde vient d’Âtre {manifest.version}, et ce boîtier est en {version}. "
            "Mettez le boîtier à jour, puis restaurez.",
            problem=BackupProblem.NEWER,
        )


def file_entry(root: Path, path: Path) -> FileEntry:
    """The entry of a file below ``root``. Raises OSError."""
    digest, size_bytes = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            size_bytes += len(block)
    return FileEntry(
        path=path.relative_to(root).as_posix(), size_bytes=size_bytes, sha256=digest.hexdigest()
    )


def _number(version: str) -> tuple[int, ...]:
    numbers = []
    for part in version.split("."):
        digits = "".join(c for c in part if c.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)
