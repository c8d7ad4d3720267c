# SPDX-License-Identifier: Apache-2.0
"""The part of a text that fits a question best; pure."""

from collections import Counter
from collections.abc import Sequence

from atre.search.passage import Fragment
from atre.search.words import forms, spans

_LENGTH = 30  # words; two lines of a page
_LEAD = 5  # words before the first match, to read it in its sentence


def excerpt(text: str, wanted: Sequence[frozenset[str]], language: str) -> tuple[Fragment, ...]:
    """About 30 words of a normalised ``text``, where most of the wanted words stand together.

    Each of ``wanted`` is one word's forms. Joined, the fragments are the part as it stands, with
    single spaces, and … where the text goes on.
    """
    places = list(spans(text))
    every = [text[start:end] for start, end in places]
    known = {word: _wanted(word, wanted, language) for word in set(every)}
    matches = [known[word] for word in every]
    first = _densest(matches)
    last = min(first + _LENGTH, len(places))
    fragments: list[Fragment] = []
    position = places[first][0] if first else 0
    end_of_part = places[last - 1][1] if last < len(places) else len(text)
    for (start, end), match in zip(places[first:last], matches[first:last], strict=True):
        if match is not None:
            fragments += [Fragment(text[position:start], False), Fragment(text[start:end], True)]
            position = end
    fragments.append(Fragment(text[position:end_of_part], False))
    return _trimmed(fragments, before=first > 0, after=last < len(places))


def _wanted(word: str, wanted: Sequence[frozenset[str]], language: str) -> int | None:
    found = forms(word, language)
    return next((index for index, each in enumerate(wanted) if each & found), None)


def _densest(matches: Sequence[int | None]) -> int:
    """Where a part starts that holds most different wanted words; the first of equals."""
    inside: Counter[int] = Counter()
    best, best_start, distinct = -1, 0, 0
    for index, match in enumerate(matches):
        if match is not None:
            inside[match] += 1
            distinct += inside[match] == 1
        leaving = matches[index - _LENGTH] if index >= _LENGTH else None
        if leaving is not None:
            inside[leaving] -= 1
            distinct -= inside[leaving] == 0
        if distinct > best:
            best, best_start = distinct, max(0, index - _LENGTH + 1)
    in_window = range(best_start, min(best_start + _LENGTH, len(matches)))
    first_match = next((index for index in in_window if matches[index] is not None), 0)
    return max(0, first_match - _LEAD)


def _trimmed(fragments: list[Fragment], *, before: bool, after: bool) -> tuple[Fragment, ...]:
    shown = [Fragment("… ", False)] * before + fragments + [Fragment(" …", False)] * after
    spaced = (Fragment(_single_spaces(each.text), each.is_match) for each in shown)
    return tuple(each for each in spaced if each.text)


def _single_spaces(text: str) -> str:
    words = text.split()
    lead = " " if text[:1].isspace() else ""
    trail = " " if words and text[-1:].isspace() else ""
    return lead + " ".join(words) + trail
