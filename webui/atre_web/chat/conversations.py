# SPDX-License-Identifier: Apache-2.0
"""The conversations of each person: nobody's functions here take an id without its person."""

import secrets
import sqlite3

import msgspec

from atre.errors import InvalidRequestError, NotFoundError
from atre_web.accounts import people
from atre_web.accounts.database import transaction
from atre_web.chat import messages
from atre_web.chat.message import Conversation
from atre_web.chat.title import MAX_TITLE_CHARS, cleaned_title

_ID_BYTES = 8  # tens of thousands on a box: 32 bits would meet by chance
_COLUMNS = "id, title, shown_id, created_at, changed_at"


def create(connection: sqlite3.Connection, person_id: str, title: str, *, now: float) -> str:
    """Begin one inside the caller's transaction, and return its id."""
    conversation_id = secrets.token_hex(_ID_BYTES)
    connection.execute(
        "INSERT INTO conversations (id, person_id, title, created_at, changed_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (conversation_id, person_id, title, now, now),
    )
    return conversation_id


def get(connection: sqlite3.Connection, person_id: str, conversation_id: str) -> Conversation:
    """One conversation of that person. Raises NotFoundError, for other people's too."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM conversations WHERE id = ? AND person_id = ?",  # noqa: S608
        (conversation_id, person_id),
    ).fetchone()
    if row is None:
        raise NotFoundError("There is no such conversation of yours on this box (any more).")
    return _conversation(row)


def latest(
    connection: sqlite3.Connection, person_id: str, *, limit: int, skip: int = 0
) -> list[Conversation]:
    """A person's conversations, the one that changed last first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM conversations WHERE person_id = ?"  # noqa: S608
        " ORDER BY changed_at DESC, id LIMIT ? OFFSET ?",
        (person_id, limit, skip),
    )
    return [_conversation(row) for row in rows]


def rename(
    connection: sqlite3.Connection, person_id: str, conversation_id: str, title: str
) -> None:
    """Give it another title. Raises InvalidRequestError for one that shows nothing."""
    cleaned = cleaned_title(title)
    if cleaned is None:
        raise InvalidRequestError(
            f"A title has 1 to {MAX_TITLE_CHARS} visible characters.", param="title"
        )
    get(connection, person_id, conversation_id)
    connection.execute(
        "UPDATE conversations SET title = ? WHERE id = ? AND person_id = ?",
        (cleaned, conversation_id, person_id),
    )


def show(
    connection: sqlite3.Connection, person_id: str, conversation_id: str, message_id: int
) -> None:
    """Show the branch through a message. Raises NotFoundError."""
    get(connection, person_id, conversation_id)
    tree = messages.tree(connection, conversation_id)
    if message_id not in tree:
        raise NotFoundError("There is no such message in this conversation.", param="shown_id")
    connection.execute(
        "UPDATE conversations SET shown_id = ? WHERE id = ?",
        (tree.newest_tip(message_id), conversation_id),
    )


def delete(connection: sqlite3.Connection, person_id: str, conversation_id: str) -> None:
    """Remove it with all its messages, at once and for good. Raises NotFoundError."""
    get(connection, person_id, conversation_id)
    with transaction(connection):
        connection.execute(
            "DELETE FROM conversations WHERE id = ? AND person_id = ?",
            (conversation_id, person_id),
        )
        messages.forget_words(connection)


def forget_person(connection: sqlite3.Connection, person_id: str) -> None:
    """Remove everything of a person inside the transaction that deletes them."""
    connection.execute("DELETE FROM conversations WHERE person_id = ?", (person_id,))
    messages.forget_words(connection)


people.on_delete.append(forget_person)


def _conversation(row: sqlite3.Row) -> Conversation:
    return msgspec.convert(dict(row), Conversation)
