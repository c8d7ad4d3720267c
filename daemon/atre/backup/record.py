# SPDX-License-Identifier: Apache-2.0
"""What is remembered of each target, in ``state/backup-record.json``: facts, not settings."""

from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.ipc.backup_replies import DrillReport
from atre.system.durable import write_durably

_FILE = "backup-record.json"


class TargetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One target. ``repository`` is restic's number for it; ``num_checks`` turns the part read."""

    repository: str = ""
    last_backup_at: float | None = None
    last_snapshot: str = ""
    last_checked_at: float | None = None
    num_checks: int = 0
    last_proven: DrillReport | None = None
    last_drill: DrillReport | None = None
    sheet: str = ""
    problem: str = ""
    message: str = ""
    message_fr: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Every target that was ever used, by its id."""

    targets: dict[str, TargetRecord] = {}


def read_record(state_dir: Path) -> Record:
    """An empty one if there is none, or it is damaged: a disk tells its own part anew."""
    try:
        return msgspec.json.decode((state_dir / _FILE).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return Record()


def note(state_dir: Path, target: str, **changes: object) -> TargetRecord:
    """Change what is remembered of a target, durably. Raises OSError."""
    record = read_record(state_dir)
    changed = replace(record.targets.get(target, TargetRecord()), **changes)
    _write(state_dir, Record(targets=record.targets | {target: changed}))
    return changed


def _write(state_dir: Path, record: Record) -> None:
    write_durably(state_dir / _FILE, msgspec.json.format(msgspec.json.encode(record)))
