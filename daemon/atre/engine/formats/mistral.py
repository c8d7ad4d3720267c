# SPDX-License-Identifier: Apache-2.0
import json

from atre.engine.formats.json_call import JsonCall, Nesting
from atre.engine.formats.marker import split_at_marker
from atre.engine.formats.parts import CallReader, Content, Part

OPEN = "[TOOL_CALLS]"
ARGS = "[ARGS]"
_CALL_ID = "[CALL_ID]"


class MistralCalls:
    """``[TOOL_CALLS][{"name": …, "arguments": …}, …]``, or since 2025 a call ``name[ARGS]{…}``."""

    def __init__(self) -> None:
        self._reader: CallReader | None = None

    def push(self, text: str) -> tuple[list[Part], str | None]:
        if self._reader is None:
            text = text.lstrip()
            if not text:
                return [], None
            self._reader = _CallList() if text[0] == "[" else _NamedCall()
        return self._reader.push(text)

    def finish(self) -> list[Part]:
        return self._reader.finish() if self._reader else []


class _CallList:
    def __init__(self) -> None:
        self._call: JsonCall | None = None
        self._has_begun = False

    def push(self, text: str) -> tuple[list[Part], str | None]:
        parts: list[Part] = []
        while True:
            if self._call is None:
                text = text.lstrip()
                if not text:
                    return parts, None
                if self._has_begun and text[0] != ",":
                    return parts, text.removeprefix("]")
                self._call, self._has_begun, text = JsonCall(), True, text[1:]
            found, rest = self._call.push(text)
            parts += found
            if rest is None:
                return parts, None
            self._call, text = None, rest

    def finish(self) -> list[Part]:
        return self._call.finish() if self._call else []


class _NamedCall:
    """Reads the call as the object that it stands for."""

    def __init__(self) -> None:
        self._name = ""
        self._call: JsonCall | None = None
        self._nesting = Nesting()

    def push(self, text: str) -> tuple[list[Part], str | None]:
        if self._call is None:
            before, marker, after = split_at_marker(self._name + text, [ARGS, "{"])
            if marker is None:
                self._name = before + after
                return [], None
            name = before.split(_CALL_ID)[0].strip()
            self._call = JsonCall()
            self._call.push(f'{{"name": {json.dumps(name)}, "arguments": ')
            text = after if marker == ARGS else marker + after
        for place, character in enumerate(text, start=1):
            self._nesting.advance(character)
            if self._nesting.depth == 0 and character == "}":
                parts, _ = self._call.push(text[:place])
                end, _ = self._call.push("}")
                return parts + end, text[place:]
        return self._call.push(text)[0], None

    def finish(self) -> list[Part]:
        if self._call:
            return self._call.finish()
        return [Content(self._name)] if self._name else []
