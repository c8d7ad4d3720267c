# SPDX-License-Identifier: Apache-2.0
from atre.engine.formats.json_call import JsonCall
from atre.engine.formats.parts import Part

PYTHON_TAG = "<|python_tag|>"


class LlamaCalls:
    """``{"name": …, "parameters": …}``, more of them after semicolons, as Llama 3 writes it.

    The object is the whole answer, or follows ``<|python_tag|>``.
    """

    def __init__(self) -> None:
        self._call: JsonCall | None = JsonCall()

    def push(self, text: str) -> tuple[list[Part], str | None]:
        parts: list[Part] = []
        while True:
            if self._call is None:
                text = text.lstrip()
                if not text:
                    return parts, None
                if text[0] != ";":
                    return parts, text
                self._call, text = JsonCall(), text[1:]
            found, rest = self._call.push(text)
            parts += found
            if rest is None:
                return parts, None
            if not found:
                return parts, rest
            self._call, text = None, rest

    def finish(self) -> list[Part]:
        return self._call.finish() if self._call else []
