# SPDX-License-Identifier: Apache-2.0
"""From text to the words that are compared; pure."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from atre.search.stems import stem
from atre.search.stop_words import STOP_WORDS

# Letters and digits of any script: no quote, operator, NUL or lone surrogate is ever in a word.
_WORD = re.compile(r"[^\W_]+")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})
_LONGEST_WORD = 64  # longer ones are pasted noise
_MAX_WORDS = 32  # of a question: a page pasted whole must not cost more than a question


def normalised(text: str) -> str:
    """``text`` with composed accents and without typographic ligatures, so that words are whole."""
    return unicodedata.normalize("NFKC", text)


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each word of a normalised text starts and ends."""
    for found in _WORD.finditer(text):
        yield found.span()


@lru_cache(maxsize=8192)
def forms(word: str, language: str) -> frozenset[str]:
    """What ``word`` is compared by: itself and its stems, in lower case, without accents.

    It is stemmed with and without accents, because people leave them out and the rules use them.
    """
    lower = word[:_LONGEST_WORD].lower().translate(_LIGATURES)
    bare = _without_accents(lower)
    return frozenset({bare, stem(bare, language), _without_accents(stem(lower, language))})


def question_words(question: str, language: str) -> list[str]:
    """The words of a question that say what it is about, each once, 32 at most.

    A question of nothing but small words keeps them all.
    """
    text = normalised(question)
    every = dict.fromkeys(text[start:end].lower() for start, end in spans(text))
    stop_words = STOP_WORDS.get(language, frozenset())
    telling = [word for word in every if _without_accents(word) not in stop_words]
    return (telling or list(every))[:_MAX_WORDS]


def _without_accents(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
