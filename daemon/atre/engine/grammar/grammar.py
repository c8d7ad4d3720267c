# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grammar:
    """What an answer may be, in GBNF with the root rule ``root``.

    With ``triggers`` it binds only from the first of these markers on, which begins its text.
    """

    text: str
    triggers: tuple[str, ...] = ()


def literal(text: str) -> str:
    """``text`` itself, as a GBNF literal."""
    return '"' + "".join(_ESCAPES.get(c, c) for c in text) + '"'


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
