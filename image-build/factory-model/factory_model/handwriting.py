# SPDX-License-Identifier: Apache-2.0
"""How people really type: other words, no-break spaces lost, accents dropped, letters swapped."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from random import Random

NO_BREAK_SPACE = "\u00a0"
AS_IS = ""

# Rates are shares of the questions, of the words for synonyms.
_STRAIGHT_APOSTROPHE_RATE = 0.85
_PLAIN_SPACE_RATE = 0.7
_SYNONYM_RATE = 0.12
_LOST_WORD_RATE = 0.05
_TYPO_RATE = 0.12
_NO_ACCENT_RATE = 0.12

_ENDS = {
    ("fr", "?"): (" ?", "?", f"{NO_BREAK_SPACE}?", "", " ??"),
    ("en", "?"): ("?", "?", "?", "", "??"),
    ("fr", "."): ("", "", ".", " !", f"{NO_BREAK_SPACE}!", "!"),
    ("en", "."): ("", "", ".", "!", "!"),
    # What was written with its own mark keeps it.
    ("fr", AS_IS): ("",),
    ("en", AS_IS): ("",),
}
_CASES = (
    (0.55, lambda text: text[:1].upper() + text[1:]),
    (0.34, str.lower),
    (0.10, str),
    (0.01, str.upper),
)
_WORD = re.compile(r"\w+")
_SHORT_WORD_LETTERS = 3
_MIN_WORDS_TO_LOSE_ONE = 5


def scribble(question: str, language: str, mark: str, rng: Random) -> str:
    """The question as a hurried person would type it; the meaning stays."""
    text = question
    if rng.random() < _STRAIGHT_APOSTROPHE_RATE:
        text = text.replace("’", "'")
    if rng.random() < _PLAIN_SPACE_RATE:
        text = text.replace(NO_BREAK_SPACE, " ")
    if rng.random() < _LOST_WORD_RATE:
        text = _lose_word(text, rng)
    if rng.random() < _TYPO_RATE:
        text = _mistype(text, rng)
    if language == "fr" and rng.random() < _NO_ACCENT_RATE:
        text = strip_accents(text)
    rates, cases = zip(*_CASES, strict=True)
    return rng.choices(cases, rates)[0](text) + rng.choice(_ENDS[language, mark])


def swap_words(question: str, synonyms: Mapping[str, Sequence[str]], rng: Random) -> str:
    """The question with some of its words replaced by others of the same meaning."""

    def swapped(match: re.Match[str]) -> str:
        others = synonyms.get(match[0].lower())
        return rng.choice(others) if others and rng.random() < _SYNONYM_RATE else match[0]

    return _WORD.sub(swapped, question)


def strip_accents(text: str) -> str:
    """The same letters without their diacritics."""
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _lose_word(text: str, rng: Random) -> str:
    words = text.split(" ")
    if len(words) < _MIN_WORDS_TO_LOSE_ONE:
        return text
    # Losing the word that carries the meaning, or the negation, would teach a lie.
    short = [
        index
        for index, word in enumerate(words)
        if len(word) <= _SHORT_WORD_LETTERS and word not in ("pas", "not", "no")
    ]
    if short:
        del words[rng.choice(short)]
    return " ".join(words)


def _mistype(text: str, rng: Random) -> str:
    places = [index for index in range(1, len(text) - 1) if text[index : index + 2].isalpha()]
    if not places:
        return text
    at = rng.choice(places)
    return rng.choice(
        (
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
        )
    )
