# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from dataclasses import dataclass

from atre.engine.formats.marker import split_at_marker
from atre.engine.formats.parts import CallReader, Content, Part, Reasoning


@dataclass(frozen=True, slots=True)
class CallMarkup:
    """The marker before calls, what reads behind it, and a marker after them that says nothing."""

    opening: str
    reader: Callable[[], CallReader]
    closing: str | None = None


class MarkupParser:
    """For families that mark thoughts and calls inside running text.

    Blanks beside a marker belong to it: models put them there for the eye.
    """

    def __init__(
        self,
        *,
        thoughts: tuple[str, str] | None,
        is_thinking: bool,
        calls: CallMarkup | None,
        whole_calls: Callable[[], CallReader] | None = None,
    ) -> None:
        """``thoughts`` are the tags around them; ``is_thinking`` where the prompt opened them.

        ``whole_calls`` reads an answer that begins with a brace.
        """
        self._thoughts = thoughts
        self._is_thinking = is_thinking
        self._calls = calls
        self._whole_calls = whole_calls
        self._reader: CallReader | None = None
        self._rest = ""
        self._blanks = ""  # between two texts, unless a marker follows
        self._is_fresh = True  # nothing but blanks since the start or the last marker
        self._has_begun = False  # something but blanks and thoughts was written

    def push(self, text: str) -> list[Part]:
        parts: list[Part] = []
        self._rest += text
        while self._rest and self._advance(parts):
            pass
        return parts

    def finish(self, *, is_whole: bool) -> list[Part]:
        del is_whole  # a call's own end shows that it is complete
        if self._reader:
            return self._reader.finish()
        text, self._rest = self._rest, ""
        parts: list[Part] = []
        self._write(text, parts)
        if self._blanks and not self._is_fresh:
            parts.append(Content(self._blanks))
        return parts

    def _advance(self, parts: list[Part]) -> bool:
        """Take one step in what is left; False where it must wait for more."""
        if self._reader:
            return self._read_call(parts)
        if not (self._has_begun or self._is_thinking):
            text = self._rest.lstrip()
            opening = self._thoughts[0] if self._thoughts else ""
            if opening and text.startswith(opening):
                self._is_thinking, self._rest = True, text.removeprefix(opening)
                return True
            if opening.startswith(text) and opening:
                return False
            if self._whole_calls and text.startswith("{"):
                self._reader, self._rest = self._whole_calls(), text
                return True
        return self._read_text(parts)

    def _read_text(self, parts: list[Part]) -> bool:
        before, marker, self._rest = split_at_marker(self._rest, self._markers())
        self._write(before, parts)
        if marker is None:
            return False
        self._is_fresh = True  # so that blanks that wait are dropped
        if self._is_thinking:
            self._is_thinking = False
        elif self._calls and marker == self._calls.opening:
            self._reader = self._calls.reader()
        return True

    def _read_call(self, parts: list[Part]) -> bool:
        if self._reader is None:
            return False
        found, rest = self._reader.push(self._rest)
        parts += found
        self._rest = rest or ""
        if rest is None:
            return False
        self._reader, self._has_begun = None, True
        return True

    def _markers(self) -> list[str]:
        if self._thoughts and self._is_thinking:
            return [self._thoughts[1]]
        if self._calls is None:
            return []
        closing = [self._calls.closing] if self._calls.closing else []
        return [self._calls.opening, *closing]

    def _write(self, text: str, parts: list[Part]) -> None:
        """Send text; blanks at its start and end wait for what comes after them."""
        text = self._blanks + text
        if self._is_fresh:
            text = text.lstrip()
        words = text.rstrip()
        self._blanks = text[len(words) :]
        if words:
            self._is_fresh = False
            self._has_begun = self._has_begun or not self._is_thinking
            parts.append(Reasoning(words) if self._is_thinking else Content(words))
