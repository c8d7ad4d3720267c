# SPDX-License-Identifier: Apache-2.0
"""The keys that this box holds of its own backups: its own, and that of the recovery sheet.

Both lie in ``secrets/``, which only the box's user reads. Keeping the sheet's takes nothing away:
who reads it reads the box's beside it, and every new disk needs it.
"""

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path
from time import time

import msgspec

from atre.backup.check_code import new_code, read_code
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_replies import RecoverySheet, SheetState
from atre.system.durable import write_durably

_BOX_KEY, _SHEET = "backup-box-key", "backup-sheet.json"


class _Sheet(msgspec.Struct, frozen=True):
    key: str
    made_at: float
    is_confirmed: bool


def box_key(folder: Path) -> str:
    """The box's own key, 256 random bits, made the first time. Raises OSError."""
    path = folder / _BOX_KEY
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        key = secrets.token_hex(32)
        folder.mkdir(mode=0o700, exist_ok=True)
        write_durably(path, key.encode())
        return key


def sheet_key(folder: Path) -> str | None:
    """The key on the recovery sheet, None if none was made."""
    sheet = _read(folder)
    return sheet.key if sheet else None


def sheet_number(key: str) -> str:
    """What tells one sheet from another, and nothing of its key."""
    return hashlib.sha256(key.encode()).hexdigest()[:6].upper()


def sheet_state(folder: Path) -> SheetState:
    """Whether there is a sheet, and somebody who has it."""
    sheet = _read(folder)
    if sheet is None:
        return SheetState.NONE
    return SheetState.CONFIRMED if sheet.is_confirmed else SheetState.UNCONFIRMED


def show_sheet(
    folder: Path, unit: str, *, renew: bool, clock: Callable[[], float] = time
) -> RecoverySheet:
    """The recovery sheet, made if there is none; ``renew`` makes another key. Raises OSError."""
    sheet = _read(folder)
    if sheet is None or renew:
        sheet = _Sheet(key=new_code(), made_at=clock(), is_confirmed=False)
        folder.mkdir(mode=0o700, exist_ok=True)
        write_durably(folder / _SHEET, msgspec.json.encode(sheet))
    return RecoverySheet(
        unit=unit,
        key=sheet.key,
        payload=f"ATRE {unit} {sheet.key}",
        made_at=sheet.made_at,
        is_confirmed=sheet.is_confirmed,
    )


def confirm_sheet(folder: Path, typed: str) -> None:
    """Note that somebody has the sheet. Raises BackupError for another key, and OSError."""
    sheet = _read(folder)
    if sheet is None or not secrets.compare_digest(read_code(typed), sheet.key):
        raise BackupError(
            "This is the key of another sheet. Print the present one, and destroy the older.",
            "C’est la clé d’une autre feuille. Imprimez celle d’aujourd’hui et détruisez "
            "l’ancienne.",
            problem=BackupProblem.SHEET_WRONG,
        )
    confirmed = msgspec.structs.replace(sheet, is_confirmed=True)
    write_durably(folder / _SHEET, msgspec.json.encode(confirmed))


def typed_key(text: str) -> str:
    """What opens a repository, from what was typed or scanned: a sheet's key, or a password.

    Raises BackupError for a sheet's key with a mistake in it.
    """
    words = text.split()
    if words[:1] == ["ATRE"]:
        return read_code(words[-1])
    compact = "".join(c for c in text if c.isalnum())
    if len(compact) == len(new_code().replace("-", "")):
        return read_code(text)
    return text


def _read(folder: Path) -> _Sheet | None:
    try:
        return msgspec.json.decode((folder / _SHEET).read_bytes(), type=_Sheet)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
