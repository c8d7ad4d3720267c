# SPDX-License-Identifier: Apache-2.0
import sqlite3

from atre.errors import StorageError

# integrity_check also compares every index entry with its row, which is N log N in random order
# (https://www.sqlite.org/pragma.html#pragma_integrity_check): seconds for 64 MiB on an SD card,
# minutes for gigabytes. Beyond that, quick_check, which leaves that comparison out.
_FULL_CHECK_BYTES = 64 * 1024 * 1024


def check_integrity(connection: sqlite3.Connection) -> None:
    """Read the whole database once before anybody relies on it. Raises StorageError if damaged."""
    try:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        name = "integrity_check" if pages * page_bytes <= _FULL_CHECK_BYTES else "quick_check"
        (found,) = connection.execute(f"PRAGMA {name}(1)").fetchone()
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise StorageError(
            f"The box's database is damaged ({found}). Nothing was changed. Check the disk, then "
            "restore the database from a backup; copies from before upgrades are in the folder "
            "upgrades beside it.",
            f"La base de données du boîtier est abîmée ({found}). Rien n’a changé. Vérifiez le "
            "disque, puis restaurez une sauvegarde\N{NO-BREAK SPACE}; les copies d’avant chaque "
            "mise à niveau sont dans le dossier upgrades, à côté.",
        )
