# SPDX-License-Identifier: Apache-2.0
"""The seam to a search: what can be found, and what was."""

from typing import Protocol

import msgspec


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A text that can be found. ``id`` is the caller's, ``language`` a key of ``STOP_WORDS``."""

    id: str
    language: str
    title: str
    text: str


class Fragment(msgspec.Struct, frozen=True):
    """A piece of a passage's text, and whether it is one of the words that were asked for."""

    text: str
    is_match: bool


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that was found, with the part of its text that fits best.

    ``score`` is higher for better hits; it compares hits of one question, and nothing else.
    """

    id: str
    language: str
    title: str
    fragments: tuple[Fragment, ...]
    score: float


class Search(Protocol):
    """Finds passages by the words of a question; for any thread."""

    def search(self, question: str, language: str, *, limit: int) -> list[Hit]:
        """The best passages in ``language``, best first; any text at all is a question."""
        ...
