# SPDX-License-Identifier: Apache-2.0
"""What a choice looks like in each of the two routes, whole and in a stream."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from atre.ipc.messages import FinishReason, TokenLogprob
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

    def part(self, index: int, text: str, logprobs: Sequence[TokenLogprob], offset: int) -> Json:
        """A choice of a stream that appends ``text``, which begins at character ``offset``."""

    def ending(self, index: int, reason: FinishReason) -> Json:
        """The choice that ends a stream."""

    def complete(
        self, index: int, text: str, logprobs: Sequence[TokenLogprob], reason: FinishReason
    ) -> Json:
        """A choice with its whole answer."""


class ChatShape:
    """POST /v1/chat/completions."""

    prefix = "chatcmpl-"
    whole = "chat.completion"
    chunk = "chat.completion.chunk"

    def opening(self, index: int) -> Json | None:
        return _choice(index, delta={"role": "assistant", "content": ""})

    def part(self, index: int, text: str, logprobs: Sequence[TokenLogprob], offset: int) -> Json:
        del offset  # only text completions number their characters
        return _choice(
            index,
            delta={"content": text},
            logprobs=chat_logprobs(logprobs) if logprobs else None,
        )

    def ending(self, index: int, reason: FinishReason) -> Json:
        return _choice(index, delta={}, reason=reason)

    def complete(
        self, index: int, text: str, logprobs: Sequence[TokenLogprob], reason: FinishReason
    ) -> Json:
        return {
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": chat_logprobs(logprobs) if logprobs else None,
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

    def part(self, index: int, text: str, logprobs: Sequence[TokenLogprob], offset: int) -> Json:
        return _text_choice(index, text, logprobs, None, offset)

    def ending(self, index: int, reason: FinishReason) -> Json:
        return _text_choice(index, "", (), reason, 0)

    def complete(
        self, index: int, text: str, logprobs: Sequence[TokenLogprob], reason: FinishReason
    ) -> Json:
        return _text_choice(index, text, logprobs, reason, 0)


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
