# SPDX-License-Identifier: Apache-2.0
import secrets
import string
from dataclasses import dataclass, field

from atre.engine.detokenizer import StopStrings
from atre.engine.formats.parts import (
    AnswerParser,
    CallArguments,
    CallEnd,
    CallStart,
    Content,
    Part,
    Reasoning,
)
from atre.ipc.messages import CallDelta

_ID_CHARACTERS = string.ascii_letters + string.digits
_ID_LENGTH = 9  # Mistral's templates refuse any other


@dataclass(slots=True)
class Passage:
    """What one token adds to an answer; ``is_last`` where the answer ends with it."""

    text: str = ""
    reasoning: str = ""
    calls: list[CallDelta] = field(default_factory=list)
    is_last: bool = False


class AnswerText:
    """Sorts a model's characters into text, thoughts and calls, up to a stop string.

    Stop strings are looked for in the text alone.
    """

    def __init__(
        self, stops: StopStrings, parser: AnswerParser | None, max_calls: int | None
    ) -> None:
        self._stops = stops
        self._parser = parser
        self._max_calls = max_calls
        self._num_calls = 0

    @property
    def called_tools(self) -> bool:
        return self._num_calls > 0

    def push(self, characters: str) -> Passage:
        """What these characters complete."""
        if self._parser is None:
            return self._sort([Content(characters)])
        return self._sort(self._parser.push(characters))

    def finish(self, *, is_whole: bool) -> Passage:
        """What was held back; ``is_whole`` where the model ended the answer itself."""
        passage = self._sort(self._parser.finish(is_whole=is_whole) if self._parser else [])
        if not passage.is_last:
            passage.text += self._stops.flush()
        return passage

    def _sort(self, parts: list[Part]) -> Passage:
        passage = Passage()
        for part in parts:
            match part:
                case Content(text):
                    safe, passage.is_last = self._stops.push(text)
                    passage.text += safe
                case Reasoning(text):
                    passage.reasoning += text
                case CallStart(name):
                    passage.text += self._stops.flush()
                    passage.calls.append(CallDelta(index=self._num_calls, id=_call_id(), name=name))
                    self._num_calls += 1
                case CallArguments(text):
                    passage.calls.append(CallDelta(index=self._num_calls - 1, arguments=text))
                case CallEnd():
                    passage.is_last = self._num_calls == self._max_calls
            if passage.is_last:
                break
        return passage


def _call_id() -> str:
    return "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))
