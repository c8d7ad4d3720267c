# SPDX-License-Identifier: Apache-2.0
"""A restore drill: what came back into a scratch folder, held against what was stored."""

from collections.abc import Callable
from pathlib import Path

from atre.backup.compare import database_problems, file_problems, table_counts, table_problems
from atre.backup.manifest import NAME, BackupManifest, read_manifest
from atre.backup.start_database import start_database
from atre.errors import BackupError
from atre.ipc.backup_replies import DrillReport, TableCount
from atre.sentence import Sentence


def prove(
    folder: Path, *, snapshot: str, ended_at: Callable[[], float], duration_s: Callable[[], float]
) -> DrillReport:
    """The report on a restored folder; its database is started, and so changed.

    The clocks are read once everything was looked at. Raises BackupError without a manifest.
    """
    manifest = restored_manifest(folder)
    problems, counts = inspect(folder, manifest)
    return DrillReport(
        snapshot=snapshot,
        snapshot_at=manifest.at,
        ended_at=ended_at(),
        duration_s=duration_s(),
        num_files=len(manifest.files),
        size_bytes=manifest.size_bytes,
        tables=counts,
        problems=[each.text for each in problems],
        problems_fr=[each.text_fr for each in problems],
    )


def restored_manifest(folder: Path) -> BackupManifest:
    """The manifest of a restored folder. Raises BackupError."""
    try:
        return read_manifest((folder / NAME).read_bytes())
    except OSError:
        return read_manifest(b"")


def inspect(folder: Path, manifest: BackupManifest) -> tuple[list[Sentence], list[TableCount]]:
    """Every problem of a restored folder, and its tables; the accounts start last."""
    problems = file_problems(folder, manifest) + database_problems(folder)
    counts = table_counts(folder, manifest)
    problems += table_problems(counts)
    database = folder / "atre.db"
    if not problems and database.is_file():
        try:
            start_database(database)
        except BackupError as error:
            problems.append(Sentence(str(error), error.french))
    return problems, counts
