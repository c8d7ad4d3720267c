# SPDX-License-Identifier: Apache-2.0
import json

from atre.engine.formats.parts import CallArguments, CallEnd, CallStart, Content, Part

_ARGUMENTS = frozenset({"arguments", "parameters"})


class Nesting:
    """How deep in braces and brackets a JSON text is."""

    def __init__(self) -> None:
        self.depth = 0
        self.in_string = False
        self._is_escaped = False

    def advance(self, character: str) -> None:
        if self._is_escaped:
            self._is_escaped = False
        elif self.in_string:
            self._is_escaped = character == "\\"
            self.in_string = character != '"'
        elif character == '"':
            self.in_string = True
        else:
            self.depth += (character in "{[") - (character in "}]")


class JsonCall:
    """Reads one call: a JSON object with a name and arguments, which are passed on as they come.

    Text that is no such object comes out as content.
    """

    def __init__(self) -> None:
        self._nesting = Nesting()
        self._text = ""
        self._key: str | None = None  # None while a key is read
        self._token = ""  # what was read of the key or of the value
        self._name: str | None = None
        self._arguments: str | None = None  # what was read and not passed on
        self._has_started = False

    def push(self, text: str) -> tuple[list[Part], str | None]:
        """The parts in ``text``, and what follows the object, None while it goes on."""
        if not self._text:
            text = text.lstrip()
            if text and text[0] != "{":
                return [], text
        for place, character in enumerate(text, start=1):
            self._text += character
            self._nesting.advance(character)
            if self._nesting.depth == 0:
                self._end_member()
                return self._complete(), text[place:]
            self._read(character)
        return self._ready(), None

    def finish(self) -> list[Part]:
        """An object that was cut off: a call as far as it came, or text."""
        if self._name is not None:
            return self._ready()
        return [Content(self._text)] if self._text else []

    def _read(self, character: str) -> None:
        between = self._nesting.depth == 1 and not self._nesting.in_string
        if between and character == ":" and self._key is None:
            self._key, self._token = _decoded(self._token), ""
        elif between and character == ",":
            self._end_member()
        elif len(self._text) > 1:
            self._token += character
            if self._key in _ARGUMENTS and self._token.lstrip().startswith("{"):
                self._arguments = (self._arguments or "") + character

    def _end_member(self) -> None:
        if self._key == "name":
            self._name = _decoded(self._token)
        elif self._key in _ARGUMENTS and self._arguments is None:
            # Some models write the object once more as a string.
            self._arguments = _decoded(self._token) or self._token.strip()
        self._key, self._token = None, ""

    def _ready(self) -> list[Part]:
        """What may be passed on: nothing before the name is known, no blanks at the end."""
        if self._name is None or self._arguments is None:
            return []
        ready = self._arguments.strip() if not self._has_started else self._arguments.rstrip()
        parts: list[Part] = [] if self._has_started else [CallStart(self._name)]
        self._has_started = True
        if ready:
            parts.append(CallArguments(ready))
            self._arguments = self._arguments[self._arguments.rfind(ready[-1]) + 1 :]
        return parts

    def _complete(self) -> list[Part]:
        if self._name is None:
            return [Content(self._text)]
        if self._arguments is None:
            self._arguments = "{}"
        return [*self._ready(), CallEnd()]


def _decoded(token: str) -> str | None:
    """The text of a JSON string, None for anything else."""
    try:
        value = json.loads(token)
    except ValueError:
        return None
    return value if isinstance(value, str) else None
