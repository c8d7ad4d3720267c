# SPDX-License-Identifier: Apache-2.0
"""What a conversation is called; pure. No model is asked: a title is there before the answer is."""

import unicodedata

MAX_TITLE_CHARS = 120
_MADE_CHARS = 60
_MARKUP = "#>*-`_ \t"


def title_from(question: str, file_names: list[str]) -> str:
    """The first line of a question that says something, cut between words; else the files."""
    lines = (cleaned_title(line.lstrip(_MARKUP)) for line in question.splitlines())
    first = next((line for line in lines if line), None)
    return _cut(first or ", ".join(file_names) or "…")


def cleaned_title(text: str) -> str | None:
    """A title as it is kept: one line, nothing invisible, not too long; None if nothing is left."""
    composed = unicodedata.normalize("NFC", text[: 8 * MAX_TITLE_CHARS])
    # Tabs and line ends separate words; bidi controls and their like would make a title lie.
    spaced = "".join(" " if char.isspace() else char for char in composed)
    title = " ".join("".join(char for char in spaced if char.isprintable()).split())
    return title[:MAX_TITLE_CHARS].rstrip() or None


def _cut(line: str) -> str:
    if len(line) <= _MADE_CHARS:
        return line
    head, _, _ = line[:_MADE_CHARS].rpartition(" ")
    return (head if len(head) > _MADE_CHARS // 2 else line[:_MADE_CHARS]) + "…"
