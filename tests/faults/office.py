# SPDX-License-Identifier: Apache-2.0
"""What an office keeps on its box, so marked that a mixture of two states is seen."""

import hashlib
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from atre_web.accounts import passwords, people
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.migrations import migrate
from atre_web.chat import conversations

_MARKED = ("documents", "adapters", "secrets", "tls", "state")
_MARK = "fault-mark"
_TITLE = "Version"
_NUM_LETTERS = 4


def found_box(data_dir: Path) -> None:
    """A box with its manager."""
    data_dir.mkdir(mode=0o700, parents=True)
    now = time.time()
    with closing(connect(data_dir / "atre.db")) as connection:
        migrate(connection)
        with transaction(connection):
            hashed = passwords.hashed("quatre mots à la suite")
            anne = people.create(connection, "Anne", "anne", "manager", password=hashed, now=now)
            connection.execute("UPDATE claim SET code = NULL, claimed_at = ?", (now,))
            conversations.create(connection, anne.id, f"{_TITLE} 0", now=now)
    write_version(data_dir, 0, random.Random(0))


def write_version(data_dir: Path, version: int, chance: random.Random) -> None:
    """Make the office's data that of a version, everywhere, with some new documents."""
    with closing(connect(data_dir / "atre.db")) as connection, transaction(connection):
        connection.execute("UPDATE conversations SET title = ?", (f"{_TITLE} {version}",))
    for name in _MARKED:
        (data_dir / name).mkdir(mode=0o700, exist_ok=True)
        (data_dir / name / _MARK).write_text(str(version), "ascii")
    letters = data_dir / "documents"
    letter = letters / f"letter-{version % _NUM_LETTERS}"
    letter.write_bytes(chance.randbytes(chance.randrange(50_000, 600_000)))


def versions(folder: Path) -> set[int]:
    """The versions that the parts of an office's data are of: one, unless they are mixed."""
    found = {int((folder / name / _MARK).read_text("ascii")) for name in _MARKED}
    with closing(sqlite3.connect(folder / "atre.db")) as connection:
        ((sound,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
        if sound != "ok":
            raise AssertionError(f"atre.db: {sound}")
        for (title,) in connection.execute("SELECT title FROM conversations"):
            found.add(int(title.removeprefix(f"{_TITLE} ")))
    return found


def digest(folder: Path) -> str:
    """One number for all documents and secrets, and what the database says."""
    whole = hashlib.sha256()
    for name in ("documents", "adapters", "tls"):
        for path in sorted((folder / name).rglob("*")):
            whole.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    with closing(sqlite3.connect(folder / "atre.db")) as connection:
        for line in connection.iterdump():
            whole.update(line.encode())
    return whole.hexdigest()
