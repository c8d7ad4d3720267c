# SPDX-License-Identifier: Apache-2.0
from atre.engine.formats.json_call import JsonCall
from atre.engine.formats.marker import split_at_marker
from atre.engine.formats.parts import Part

OPEN = "<tool_call>"
CLOSE = "</tool_call>"


class HermesCalls:
    """``<tool_call>{"name": …, "arguments": …}</tool_call>``, as Hermes and Qwen write it."""

    def __init__(self) -> None:
        self._call: JsonCall | None = JsonCall()
        self._rest = ""

    def push(self, text: str) -> tuple[list[Part], str | None]:
        parts: list[Part] = []
        if self._call:
            parts, rest = self._call.push(text)
            if rest is None:
                return parts, None
            self._call, text = None, rest
        before, marker, after = split_at_marker(self._rest + text, [CLOSE])
        if marker and not before.strip():
            return parts, after
        if before.strip():
            return parts, before + (
                marker or ""
            ) + after  # no call, or the model forgot to close it
        self._rest = before + after
        return parts, None

    def finish(self) -> list[Part]:
        return self._call.finish() if self._call else []
