# SPDX-License-Identifier: Apache-2.0
"""A person's own messages, searched by their words whatever their endings."""

import sqlite3
from collections.abc import Sequence

import msgspec

from atre.search.excerpt import excerpt
from atre.search.passage import Fragment
from atre.search.words import forms, normalised, question_words, spans
from atre_web.chat.message import Conversation

# The language of a message is not known: it is found by the stems of both.
_LANGUAGES = ("fr", "en")
# The rows are sorted by their ids alone: texts are long, and read for the first of them only.
_FIND = """
SELECT found.id, found.conversation_id, text FROM (
    SELECT messages.id AS id, messages.conversation_id AS conversation_id, changed_at
    FROM message_words
    JOIN messages ON messages.id = message_words.rowid
    JOIN conversations ON conversations.id = messages.conversation_id
    WHERE message_words MATCH ? AND conversations.person_id = ?
    ORDER BY changed_at DESC, messages.id LIMIT ?
) AS found JOIN messages USING (id)
ORDER BY found.changed_at DESC, found.id
"""
_COLUMNS = "id, title, shown_id, created_at, changed_at"
_HITS_READ = 200  # a word that is everywhere: the newest conversations are the likely ones


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
    texts: dict[str, tuple[int, str]] = {}
    for row in connection.execute(_FIND, (_match(wanted), person_id, _HITS_READ)):
        texts.setdefault(row["conversation_id"], (row["id"], row["text"]))
    found: list[Found] = []
    for row in connection.execute(
        f"SELECT {_COLUMNS} FROM conversations WHERE person_id = ?"  # noqa: S608
        " ORDER BY changed_at DESC, id",
        (person_id,),
    ):
        if len(found) == limit:
            break
        if row["id"] in texts:
            message_id, text = texts[row["id"]]
            part = excerpt(normalised(text), wanted, language)
            found.append(Found(msgspec.convert(dict(row), Conversation), message_id, part))
        elif _has_all(row["title"], wanted):
            found.append(Found(msgspec.convert(dict(row), Conversation), None, ()))
    return found


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
