# SPDX-License-Identifier: Apache-2.0
"""A restored folder held against the manifest that came with it."""

from pathlib import Path

from atre.backup.contents import databases
from atre.backup.database import count_rows, damage
from atre.backup.manifest import NAME, BackupManifest, file_entry
from atre.errors import StorageError
from atre.ipc.backup_replies import TableCount
from atre.sentence import Sentence, counted


def file_problems(folder: Path, manifest: BackupManifest) -> list[Sentence]:
    """Files that are missing, too many, or not what they were."""
    problems = []
    for expected in manifest.files:
        path = folder / expected.path
        try:
            found = file_entry(folder, path)
        except OSError:
            problems.append(_problem(expected.path, "is missing", "manque"))
            continue
        if found != expected:
            problems.append(_problem(expected.path, "is not what was stored", "a changé"))
    known = {folder / entry.path for entry in manifest.files} | {folder / NAME}
    for path in folder.rglob("*"):
        if path.is_file() and path not in known:
            name = path.relative_to(folder).as_posix()
            problems.append(
                _problem(name, "was not stored by this box", "n’a pas été rangé par ce boîtier")
            )
    return problems


def database_problems(folder: Path) -> list[Sentence]:
    """What SQLite finds wrong with each database."""
    found = [(path.name, damage(path)) for path in databases(folder)]
    return [
        _problem(name, f"is damaged: {text}", f"est abîmé\u00a0: {text}")
        for name, text in found
        if text
    ]


def table_counts(folder: Path, manifest: BackupManifest) -> list[TableCount]:
    """Each table's rows, noted and found; -1 for a table that is missing."""
    found: dict[tuple[str, str], int] = {}
    for path in databases(folder):
        try:
            found |= {(each.database, each.table): each.rows for each in count_rows(path)}
        except StorageError:
            continue  # its damage was told
    return [
        TableCount(
            table=f"{each.database}: {each.table}",
            expected=each.rows,
            found=found.get((each.database, each.table), -1),
        )
        for each in manifest.tables
    ]


def table_problems(counts: list[TableCount]) -> list[Sentence]:
    """Tables with other numbers of rows than were noted."""
    return [
        _problem(
            count.table,
            f"had {counted(count.expected, 'row', 'rows')} and has {count.found}",
            f"avait {counted(count.expected, 'ligne', 'lignes', french=True)} et en a "
            f"{count.found}",
        )
        for count in counts
        if count.expected != count.found
    ]


def _problem(what: str, english: str, french: str) -> Sentence:
    return Sentence(f"{what} {english}.", f"{what} {french}.")
