# SPDX-License-Identifier: Apache-2.0
"""The keys of a repository: each a small file in it, that says in clear whose it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from atre.errors import BackupError, BackupProblem

Role = Literal["box", "sheet", "manager"]
SHEET: Role = "sheet"
MANAGER: Role = "manager"
_SHORT = 8
_WORDS: dict[Role, tuple[str, str]] = {
    "box": ("the box's own key", "la clé du boîtier lui-même"),
    "sheet": ("the recovery sheet", "la feuille de récupération"),
    "manager": ("the manager's key", "la clé de gestionnaire"),
}


class KeySlot(msgspec.Struct, frozen=True, kw_only=True):
    """One key; a manager's has a ``name``, and a sheet's its number."""

    id: str
    role: Role
    name: str
    made_at: str
    is_current: bool


class _KeyFile(msgspec.Struct):
    """What restic writes in clear into the file of a key."""

    username: str = ""
    hostname: str = ""
    created: str = ""


def slot_of(listed: Mapping[str, object]) -> KeySlot:
    """The slot that an object of ``restic key list --json`` tells of."""
    return _slot(
        str(listed["id"]),
        str(listed.get("hostName", "")),
        str(listed.get("userName", "")),
        str(listed.get("created", "")),
        is_current=bool(listed.get("current")),
    )


def slots_in(folder: Path) -> list[KeySlot]:
    """The slots of a repository that nobody opened, from its key files."""
    slots = []
    for path in sorted(folder.glob("*")):
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_KeyFile)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            continue
        slots.append(
            _slot(path.name, found.hostname, found.username, found.created, is_current=False)
        )
    return slots


def wrong_key(slots: Sequence[KeySlot]) -> BackupError:
    """What to say to a key that opens nothing: which ones would."""
    english = ", ".join(_named(slot, french=False) for slot in slots) or "none"
    french = ", ".join(_named(slot, french=True) for slot in slots) or "aucune"
    return BackupError(
        f"This key does not open these backups. They are opened by: {english}. Nothing is lost; "
        "try again.",
        f"Cette clé n’ouvre pas ces sauvegardes. Les clés qui les ouvrent\u00a0: {french}. Rien "
        "n’est perdu\u00a0; réessayez.",
        problem=BackupProblem.WRONG_KEY,
    )


def _named(slot: KeySlot, *, french: bool) -> str:
    words = _WORDS[slot.role][french]
    name = f" {slot.name}" if slot.role != "box" and slot.name else ""
    made = slot.made_at[:10]
    if french:
        return f"{words}{name} (clé n°\u00a0{slot.id[:_SHORT]}, du {made})"
    return f"{words}{name} (key id {slot.id[:_SHORT]}, of {made})"


def _slot(key_id: str, host: str, user: str, made_at: str, *, is_current: bool) -> KeySlot:
    # The first key of a repository bears the machine's name: restic takes no other for it.
    role: Role = "sheet" if host == SHEET else "manager" if host == MANAGER else "box"
    name = "" if role == "box" else user
    return KeySlot(id=key_id, role=role, name=name, made_at=made_at, is_current=is_current)
