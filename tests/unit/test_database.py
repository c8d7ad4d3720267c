# SPDX-License-Identifier: Apache-2.0
"""Opening the box's database leaves the locks alone that others in the process hold on it."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from atre_web.accounts.database import connect

# What every reader holds a shared lock on: SHARED_FIRST of https://sqlite.org/lockingv3.html.
_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510
_TRY = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, int(sys.argv[2]), int(sys.argv[3]))
    except OSError:
        sys.exit(1)
"""


def _is_locked(path: Path) -> bool:
    """Whether another process may not have the database for itself."""
    command = [sys.executable, "-c", _TRY, str(path), str(_SHARED_SIZE), str(_SHARED_FIRST)]
    return subprocess.run(command, check=False, timeout=60).returncode == 1


def test_a_second_connection_keeps_the_locks_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "atre.db"
    with closing(connect(path)) as first:
        first.execute("CREATE TABLE t (x)")
        assert _is_locked(path)
        with closing(connect(path)):
            assert _is_locked(path)
        assert _is_locked(path)
    assert not _is_locked(path)


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "below" / "atre.db"
    connect(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_journal_stays_while_a_connection_does(tmp_path: Path) -> None:
    path, journal = tmp_path / "atre.db", tmp_path / "atre.db-wal"
    with closing(connect(path)) as kept:
        kept.execute("CREATE TABLE t (x)")
        with closing(connect(path)) as asked:
            asked.execute("INSERT INTO t VALUES (1)")
        assert journal.stat().st_size > 0
    assert not journal.exists()
