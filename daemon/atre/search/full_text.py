# SPDX-License-Identifier: Apache-2.0
import sqlite3
import threading
from collections.abc import Iterable, Sequence

from atre.errors import StorageError
from atre.search.excerpt import excerpt
from atre.search.passage import Hit, Passage
from atre.search.words import forms, normalised, question_words, spans

_TABLE = """
CREATE VIRTUAL TABLE passage USING fts5(
    id UNINDEXED, language UNINDEXED, title UNINDEXED, text UNINDEXED, title_words, text_words,
    tokenize = "unicode61 remove_diacritics 2"
)
"""
# BM25 (Robertson and Zaragoza, 2009) as FTS5 has it; a word in the title counts like six below it.
_FIND = """
SELECT id, language, title, text, bm25(passage, 0, 0, 0, 0, 6.0, 1.0) AS rank FROM passage
WHERE passage MATCH ? AND language = ? ORDER BY rank, rowid LIMIT ?
"""


class FullTextIndex:
    """Passages in an SQLite FTS5 index in memory, found by their words whatever their endings."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        """Index the passages. Raises StorageError where SQLite has no full-text search."""
        # Any thread may ask, and not every build of SQLite locks its connections itself.
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._lock = threading.Lock()
        try:
            self._connection.execute(_TABLE)
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise StorageError(
                f"This Python's SQLite cannot search text ({error}). "
                "Use a Python whose SQLite has FTS5, such as Debian's or python.org's.",
                f"Le SQLite de ce Python ne sait pas chercher dans un texte ({error}). Prenez un "
                "Python dont le SQLite a FTS5, comme celui de Debian ou de python.org.",
            ) from error
        self._connection.executemany(
            "INSERT INTO passage VALUES (?, ?, ?, ?, ?, ?)", (_row(each) for each in passages)
        )

    def search(self, question: str, language: str, *, limit: int) -> list[Hit]:
        """The passages in ``language`` with words of ``question``, best first."""
        wanted = [forms(word, language) for word in question_words(question, language)]
        if not wanted:
            return []
        with self._lock:
            rows = self._connection.execute(_FIND, (_match(wanted), language, limit)).fetchall()
        return [
            Hit(
                id=id_,
                language=in_language,
                title=title,
                fragments=excerpt(text, wanted, language),
                score=-rank,
            )
            for id_, in_language, title, text, rank in rows
        ]


def _row(passage: Passage) -> tuple[str, ...]:
    title, text = normalised(passage.title), normalised(passage.text)
    words = (_all_forms(each, passage.language) for each in (title, text))
    return (passage.id, passage.language, title, text, *words)


def _all_forms(text: str, language: str) -> str:
    return " ".join(
        form for start, end in spans(text) for form in sorted(forms(text[start:end], language))
    )


def _match(wanted: Sequence[frozenset[str]]) -> str:
    """An FTS5 expression for any of the words. In quotes, letters and digits are never syntax."""
    return " OR ".join(f'"{form}"' for form in sorted(frozenset[str]().union(*wanted)))
