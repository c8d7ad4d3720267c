# SPDX-License-Identifier: Apache-2.0
import sqlite3

from atre_web.accounts.principal import Principal


def is_admitted(connection: sqlite3.Connection, principal: Principal) -> bool:
    """Whether somebody who was let in earlier still would be.

    A session that ended meanwhile does not count: its person may have signed out, and what they
    asked goes on. A key that was revoked ends what it began.
    """
    if principal.kind == "key":
        found = connection.execute(
            "SELECT 1 FROM api_keys JOIN people ON people.id = person_id AND disabled_at IS NULL"
            " WHERE api_keys.id = ? AND revoked_at IS NULL",
            (principal.id,),
        )
    else:
        found = connection.execute(
            "SELECT 1 FROM people WHERE id = ? AND disabled_at IS NULL", (principal.person_id,)
        )
    return found.fetchone() is not None
