# SPDX-License-Identifier: Apache-2.0
"""What a choice looks like in each of the two routes, whole and in a stream."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from atre.ipc.messages import Delta, FinishReason, TokenLogprob
from atre_web.openai.calls import call_delta, whole_calls
from atre_web.openai.logprobs import chat_logprobs, completion_logprobs

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every object of one answer repeats."""

    model: str
    prefix: str
    id: str = ""
    created: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.prefix + secrets.token_hex(12))

    def wrap(self, kind: str, choices: Sequence[Json], **extra: object) -> Json:
        """An object of ``kind`` with these choices."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": list(choices),
            **extra,
        }


class Shape(Protocol):
    """How one route words its choices."""

    prefix: str
    whole: str
    chunk: str

    def opening(self, index: int) -> Json | None:
        """The choice that opens a stream, if the route has one."""

    def part(self, index: int, delta: Delta, offset: int) -> Json:
        """A choice of a stream; the delta's text begins at character ``offset``."""

    def ending(self, index: int, reason: FinishReason) -> Json:
        """The choice that ends a stream."""

    def complete(self, index: int, whole: Delta, reason: FinishReason) -> Json:
        """A choice with its whole answer, as one delta."""


class ChatShape:
    """POST /v1/chat/completions."""

    prefix = "chatcmpl-"
    whole = "chat.completion"
    chunk = "chat.completion.chunk"

    def opening(self, index: int) -> Json | None:
        return _choice(index, delta={"role": "assistant", "content": ""})

    def part(self, index: int, delta: Delta, offset: int) -> Json:
        del offset  # only text completions number their characters
        said: Json = {}
        if delta.reasoning:
            said["reasoning_content"] = delta.reasoning
        if delta.text:
            said["content"] = delta.text
        if delta.calls:
            said["tool_calls"] = [call_delta(call) for call in delta.calls]
        logprobs = chat_logprobs(delta.logprobs) if delta.logprobs else None
        return _choice(index, delta=said, logprobs=logprobs)

    def ending(self, index: int, reason: FinishReason) -> Json:
        return _choice(index, delta={}, reason=reason)

    def complete(self, index: int, whole: Delta, reason: FinishReason) -> Json:
        message: Json = {"role": "assistant", "content": whole.text, "refusal": None}
        if whole.reasoning:
            message["reasoning_content"] = whole.reasoning
        if whole.calls:
            message["content"] = whole.text or None
            message["tool_calls"] = whole_calls(whole.calls)
        return {
            "index": index,
            "message": message,
            "logprobs": chat_logprobs(whole.logprobs) if whole.logprobs else None,
            "finish_reason": reason,
        }


class CompletionShape:
    """POST /v1/completions."""

    prefix = "cmpl-"
    whole = "text_completion"
    chunk = "text_completion"

    def opening(self, index: int) -> Json | None:
        del index
        return None

    def part(self, index: int, delta: Delta, offset: int) -> Json:
        return _text_choice(index, delta.text, delta.logprobs, None, offset)

    def ending(self, index: int, reason: FinishReason) -> Json:
        return _text_choice(index, "", (), reason, 0)

    def complete(self, index: int, whole: Delta, reason: FinishReason) -> Json:
        return _text_choice(index, whole.text, whole.logprobs, reason, 0)


def _choice(
    index: int,
    *,
    delta: Json,
    logprobs: Json | None = None,
    reason: FinishReason | None = None,
) -> Json:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}


def _text_choice(
    index: int,
    text: str,
    logprobs: Sequence[TokenLogprob],
    reason: FinishReason | None,
    offset: int,
) -> Json:
    return {
        "index": index,
        "text": text,
        "logprobs": completion_logprobs(logprobs, offset=offset) if logprobs else None,
        "finish_reason": reason,
    }
