# SPDX-License-Identifier: Apache-2.0
"""What of a question tells what it is about; the finder is trained on the same, so it is pure."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

_WORD = re.compile(r"[^\W_]+")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})
_FRENCH_LETTER = re.compile("[àâçèéêëîïôùûœ]")
# No word: the accents are dropped, but that there are some tells the language.
_FRENCH_SPELLING = "+accents"
_MAX_WORDS = 60  # a page pasted whole must not cost more than a question
_LONGEST_WORD = 24
# Parts of words carry a plural, an ending, a typing mistake.
_PART_LENGTHS = (3, 4, 5)


def clues(question: str) -> tuple[frozenset[str], frozenset[str]]:
    """Words with pairs of neighbours, and parts of words; in lower case, without accents."""
    words = list(_words(question))
    has_accents = _FRENCH_LETTER.search(question.lower().replace("âtre", ""))
    spelling = [_FRENCH_SPELLING] if has_accents else []
    pairs = (f"{first} {second}" for first, second in pairwise(words))
    parts = (part for word in words for part in _parts(f"<{word}>"))
    return frozenset((*words, *pairs, *spelling)), frozenset(parts)


def _words(question: str) -> Iterator[str]:
    decomposed = unicodedata.normalize("NFKD", question.lower().translate(_LIGATURES))
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    for number, found in enumerate(_WORD.finditer(bare)):
        if number == _MAX_WORDS:
            return
        yield found[0][:_LONGEST_WORD]


def _parts(word: str) -> Iterator[str]:
    for length in _PART_LENGTHS:
        for start in range(len(word) - length + 1):
            # "#": a part is never taken for a word of the same letters.
            yield f"#{word[start : start + length]}"
