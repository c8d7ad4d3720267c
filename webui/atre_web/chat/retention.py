# SPDX-License-Identifier: Apache-2.0
"""Removing conversations in which nobody wrote for as long as the office keeps them."""

import sqlite3

from atre_web.accounts import audit, settings
from atre_web.accounts.database import transaction
from atre_web.chat import messages

_DAY_S = 24 * 3600.0


def apply(connection: sqlite3.Connection, *, now: float) -> int:
    """Remove what the office does not keep any more; how many conversations that were.

    One in which an answer is being written is not old, whatever its dates say. The register gets
    their number, never whose they were.
    """
    days = settings.read(connection)[0].retention_days
    if not days:
        return 0
    with transaction(connection):
        removed = connection.execute(
            "DELETE FROM conversations WHERE changed_at < ? AND NOT EXISTS (SELECT 1 FROM messages"
            " WHERE conversation_id = conversations.id"
            " AND (state = 'running' OR created_at >= ?))",
            (now - days * _DAY_S, now - days * _DAY_S),
        ).rowcount
        if removed:
            messages.forget_words(connection)
            audit.record(
                connection,
                "retention.apply",
                person_id=None,
                subject=str(removed),
                address="box",
                now=now,
            )
    return removed
