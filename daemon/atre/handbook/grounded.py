# SPDX-License-Identifier: Apache-2.0
import re

_WORD = re.compile(r"[\w.:/-]*\w")


def is_grounded(answer: str, passage: str) -> bool:
    """Whether an answer holds no word, number, address or command that its passage has not.

    A model that was taught to copy from what it is given and says something else has slipped.
    """
    return _words(answer) <= _words(passage)


def _words(text: str) -> set[str]:
    return {found.casefold() for found in _WORD.findall(text)}
