# SPDX-License-Identifier: Apache-2.0
"""A person's own messages, searched by their words whatever their endings."""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from atre.search.excerpt import excerpt
from atre.search.passage import Fragment
from atre.search.words import forms, normalised, question_words, spans
from atre_web.chat.message import Conversation

# The language of a message is not known: it is found by the stems of both.
_LANGUAGES = ("fr", "en")
# The newest conversations come first, and reading stops at as many as are shown. The words are
# looked up once; then an index that has each conversation's messages is enough, and no text is read
# but of what is shown. The plus keeps SQLite from trying every hit of the box in each conversation.
_FIND = """
SELECT id, title, shown_id, created_at, changed_at, (
    SELECT min(messages.id) FROM messages
    WHERE messages.conversation_id = conversations.id
    AND +messages.id IN (SELECT rowid FROM message_words WHERE message_words MATCH ?)
) AS message_id
FROM conversations WHERE person_id = ? ORDER BY changed_at DESC, id
"""


class Found(msgspec.Struct, frozen=True):
    """A conversation with the words; ``message_id`` is None where only its title has them."""

    conversation: Conversation
    message_id: int | None
    fragments: tuple[Fragment, ...]


def indexed(text: str) -> str:
    """What the index keeps of a text: every word with what it is compared by."""
    clean = normalised(text)
    return " ".join(
        form for start, end in spans(clean) for form in sorted(_forms(clean[start:end]))
    )


def search(
    connection: sqlite3.Connection, person_id: str, question: str, *, language: str, limit: int
) -> list[Found]:
    """That person's conversations that have every word, the one that changed last first."""
    asked = question_words(question, language)
    wanted = [_forms(word) for word in asked]
    if not wanted:
        return []
    found: list[Found] = []
    for row in connection.execute(_FIND, (_match(wanted), person_id)):
        values = dict(row)
        message_id = values.pop("message_id")
        if message_id is None and not _has_all(row["title"], wanted):
            continue
        part = _excerpt(connection, message_id, wanted, language) if message_id else ()
        found.append(Found(msgspec.convert(values, Conversation), message_id, part))
        if len(found) == limit:
            break
    return found


def _excerpt(
    connection: sqlite3.Connection,
    message_id: int,
    wanted: Sequence[frozenset[str]],
    language: str,
) -> tuple[Fragment, ...]:
    (text,) = connection.execute("SELECT text FROM messages WHERE id = ?", (message_id,)).fetchone()
    return excerpt(normalised(text), wanted, language)


@lru_cache(maxsize=8192)
def _forms(word: str) -> frozenset[str]:
    return frozenset[str]().union(*(forms(word, language) for language in _LANGUAGES))


def _match(wanted: Sequence[frozenset[str]]) -> str:
    """An FTS5 expression for all of the words. In quotes, letters and digits are never syntax."""
    return " AND ".join(
        "(" + " OR ".join(f'"{form}" *' for form in sorted(each)) + ")" for each in wanted
    )


def _has_all(title: str, wanted: Sequence[frozenset[str]]) -> bool:
    clean = normalised(title)
    there = frozenset[str]().union(*(_forms(clean[start:end]) for start, end in spans(clean)))
    return all(any(have.startswith(form) for have in there for form in each) for each in wanted)
