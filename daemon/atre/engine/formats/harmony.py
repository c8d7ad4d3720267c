# SPDX-License-Identifier: Apache-2.0
"""OpenAI's harmony format, which gpt-oss writes: messages on channels.

Source: the harmony response format, developers.openai.com/cookbook/articles/openai-harmony.
"""

import re

from atre.engine.formats.marker import split_at_marker
from atre.engine.formats.parts import (
    CallArguments,
    CallEnd,
    CallStart,
    Content,
    Part,
    Reasoning,
)

CHANNEL, MESSAGE, CONSTRAIN = "<|channel|>", "<|message|>", "<|constrain|>"
START, END, CALL, RETURN = "<|start|>", "<|end|>", "<|call|>", "<|return|>"
MARKERS = frozenset({CHANNEL, MESSAGE, CONSTRAIN, START, END, CALL, RETURN})
_ENDS = (START, END, CALL, RETURN, CHANNEL)
_RECIPIENT = re.compile(r"to=(?:functions\.)?([^\s<]+)")
_ANALYSIS = f"{CHANNEL}analysis"


class HarmonyParser:
    """The analysis channel is reasoning, a message to a function is a call, all else is content."""

    def __init__(self) -> None:
        self._rest = ""
        self._header: str | None = ""  # None while a message's body is read
        self._kind: type[Content | Reasoning | CallArguments] = Content

    def push(self, text: str) -> list[Part]:
        parts: list[Part] = []
        self._rest += text
        while self._rest and self._advance(parts):
            pass
        return parts

    def finish(self, *, is_whole: bool) -> list[Part]:
        parts: list[Part] = []
        if self._header is None:
            if self._kind is not CallArguments:  # half a marker is no JSON
                self._write(self._rest, parts)
            if is_whole:  # the token that ends a call ends the answer too, and is not shown
                self._end_message(parts)
        elif self._header.strip() and CHANNEL not in self._header:
            parts.append(Content(self._header + self._rest))  # the model left its format
        return parts

    def _advance(self, parts: list[Part]) -> bool:
        if self._header is not None:
            before, marker, self._rest = split_at_marker(self._rest, [MESSAGE])
            self._header += before
            if marker is None:
                return False
            self._begin_message(self._header, parts)
            self._header = None
            return True
        before, marker, self._rest = split_at_marker(self._rest, _ENDS)
        self._write(before, parts)
        if marker is None:
            return False
        self._end_message(parts)
        self._header = marker
        return True

    def _begin_message(self, header: str, parts: list[Part]) -> None:
        recipient = _RECIPIENT.search(header)
        if recipient:
            self._kind = CallArguments
            parts.append(CallStart(recipient[1]))
        else:
            self._kind = Reasoning if _ANALYSIS in header else Content

    def _end_message(self, parts: list[Part]) -> None:
        if self._kind is CallArguments:
            parts.append(CallEnd())
        self._kind = Content

    def _write(self, text: str, parts: list[Part]) -> None:
        if text:
            parts.append(self._kind(text))
