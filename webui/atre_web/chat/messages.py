# SPDX-License-Identifier: Apache-2.0
"""The messages of a conversation as rows. Whoever calls has checked whose conversation it is."""

import json
import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from atre_web.accounts.database import transaction
from atre_web.chat import words
from atre_web.chat.attachment import Attachment
from atre_web.chat.message import Json, Message, State
from atre_web.chat.tree import Tree

# Uptime seconds without a sign of life after which whoever wrote an answer is gone; a writer
# gives one every five, and a machine may be very busy.
LOST_S = 20.0
_COLUMNS = (
    "id, parent_id, role, state, text, reasoning, model, finish_reason, prompt_tokens,"
    " completion_tokens, seconds, failure, waiting, extension, energy, created_at"
)
_JSON_COLUMNS = ("failure", "waiting", "extension", "energy")


def tree(connection: sqlite3.Connection, conversation_id: str) -> Tree:
    """Who follows whom, without a word of what is said."""
    return Tree(
        (row[0], row[1])
        for row in connection.execute(
            "SELECT id, parent_id FROM messages WHERE conversation_id = ?", (conversation_id,)
        )
    )


def read(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Message]:
    """These messages, oldest first, with their files."""
    wanted = json.dumps(ids)
    files: dict[int, list[Attachment]] = {}
    for message_id, name, text in connection.execute(
        "SELECT message_id, name, text FROM attachments"
        " WHERE message_id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (wanted,),
    ):
        files.setdefault(message_id, []).append(Attachment(name, text))
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM messages"  # noqa: S608
        " WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (wanted,),
    )
    return [_message(row, files.get(row["id"], [])) for row in rows]


def add_question(
    connection: sqlite3.Connection,
    conversation_id: str,
    parent_id: int | None,
    text: str,
    files: Iterable[Attachment],
    *,
    indexed: str,
    now: float,
) -> int:
    """Add a question inside the caller's transaction, and return its id.

    ``indexed`` is ``words.indexed(text)``, made before anybody waits for the transaction.
    """
    message_id = _insert(connection, conversation_id, parent_id, "user", "done", text, None, now)
    connection.executemany(
        "INSERT INTO attachments (message_id, name, text) VALUES (?, ?, ?)",
        [(message_id, file.name, file.text) for file in files],
    )
    _index(connection, message_id, indexed)
    return message_id


def add_answer(
    connection: sqlite3.Connection,
    conversation_id: str,
    question_id: int,
    *,
    now: float,
    beat: float,
) -> int:
    """Add an answer that is about to be written, shown from now on; return its id.

    Raises sqlite3.IntegrityError if another one is being written in this conversation.
    """
    message_id = _insert(
        connection, conversation_id, question_id, "assistant", "running", "", beat, now
    )
    connection.execute(
        "UPDATE conversations SET shown_id = ?, changed_at = ? WHERE id = ?",
        (message_id, now, conversation_id),
    )
    return message_id


def running(connection: sqlite3.Connection, conversation_id: str) -> int | None:
    """The answer that is being written in a conversation."""
    row = connection.execute(
        "SELECT id FROM messages WHERE conversation_id = ? AND state = 'running'",
        (conversation_id,),
    ).fetchone()
    return row["id"] if row else None


def keep(
    connection: sqlite3.Connection,
    message_id: int,
    *,
    text: str,
    reasoning: str,
    waiting: Json | None,
    beat: float,
) -> None:
    """Write down what there is of an answer so far."""
    connection.execute(
        "UPDATE messages SET text = ?, reasoning = ?, waiting = ?, beat_s = ?"
        " WHERE id = ? AND state = 'running'",
        (text, reasoning, _packed(waiting), beat, message_id),
    )


def is_wanted(connection: sqlite3.Connection, message_id: int) -> bool:
    """Whether an answer is still to be written: not stopped elsewhere, and not deleted."""
    row = connection.execute(
        "SELECT wants_stop FROM messages WHERE id = ? AND state = 'running'", (message_id,)
    ).fetchone()
    return row is not None and not row["wants_stop"]


def want_stop(connection: sqlite3.Connection, message_id: int) -> None:
    """Ask whichever process writes an answer to end it."""
    connection.execute(
        "UPDATE messages SET wants_stop = 1 WHERE id = ? AND state = 'running'", (message_id,)
    )


def finish(connection: sqlite3.Connection, message: Message) -> None:
    """Write down the whole of an answer, unless it was deleted meanwhile."""
    indexed = words.indexed(message.text)
    with transaction(connection):
        finish_within(connection, message, indexed)


def finish_within(connection: sqlite3.Connection, message: Message, indexed: str) -> None:
    """The same inside the caller's transaction; ``indexed`` is ``words.indexed(message.text)``."""
    if _finish(connection, message):
        _index(connection, message.id, indexed)


def _finish(connection: sqlite3.Connection, message: Message) -> bool:
    done = connection.execute(
        "UPDATE messages SET state = ?, text = ?, reasoning = ?, model = ?, finish_reason = ?,"
        " prompt_tokens = ?, completion_tokens = ?, seconds = ?, failure = ?, extension = ?,"
        " energy = ?, waiting = NULL, beat_s = NULL WHERE id = ? AND state = 'running'",
        (
            message.state,
            message.text,
            message.reasoning,
            message.model,
            message.finish_reason,
            message.prompt_tokens,
            message.completion_tokens,
            message.seconds,
            _packed(message.failure),
            _packed(message.extension),
            _packed(message.energy),
            message.id,
        ),
    )
    return done.rowcount > 0


def interrupt(connection: sqlite3.Connection, *, unless_beaten_since: float | None = None) -> None:
    """Give up answers that nobody writes any more, with what there is of them.

    Inside the caller's transaction. ``unless_beaten_since`` (uptime) spares those with a later
    sign of life; None spares none.
    """
    rows = connection.execute(
        "SELECT id, text FROM messages WHERE state = 'running'"
        " AND (? IS NULL OR beat_s IS NULL OR beat_s < ?)",
        (unless_beaten_since, unless_beaten_since),
    ).fetchall()
    for row in rows:
        connection.execute(
            "UPDATE messages SET state = 'interrupted', waiting = NULL, beat_s = NULL WHERE id = ?",
            (row["id"],),
        )
        _index(connection, row["id"], words.indexed(row["text"]))


def is_lost(connection: sqlite3.Connection, message_id: int, *, uptime: float) -> bool:
    """Whether the process that wrote an answer has given no sign of life for too long."""
    row = connection.execute(
        "SELECT 1 FROM messages WHERE id = ? AND state = 'running'"
        " AND (beat_s IS NULL OR beat_s < ?)",
        (message_id, uptime - LOST_S),
    ).fetchone()
    return row is not None


def forget_words(connection: sqlite3.Connection) -> None:
    """Have the index drop the words of what was deleted: FTS5 only marks them until it merges."""
    connection.execute("INSERT INTO message_words (message_words) VALUES ('optimize')")


def _index(connection: sqlite3.Connection, message_id: int, indexed: str) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO message_words (rowid, words) VALUES (?, ?)", (message_id, indexed)
    )


def _insert(
    connection: sqlite3.Connection,
    conversation_id: str,
    parent_id: int | None,
    role: str,
    state: State,
    text: str,
    beat: float | None,
    now: float,
) -> int:
    cursor = connection.execute(
        "INSERT INTO messages (conversation_id, parent_id, role, state, text, beat_s, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (conversation_id, parent_id, role, state, text, beat, now),
    )
    message_id = cursor.lastrowid
    if message_id is None:  # only where nothing was inserted, which raises instead
        raise sqlite3.DatabaseError("no id")
    return message_id


def _message(row: sqlite3.Row, files: list[Attachment]) -> Message:
    values = dict(row)
    for name in _JSON_COLUMNS:
        values[name] = None if values[name] is None else msgspec.json.decode(values[name])
    return msgspec.convert(values | {"attachments": files}, Message)


def _packed(value: Json | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
