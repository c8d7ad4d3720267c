# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec

from atre.bench.exchange import Exchange
from atre.bench.reply import Piece, error_message, read_reply
from atre.errors import BenchmarkError

_DATA = b"data:"
_END = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Answer:
    """A streamed answer. ``text_s`` are the moments at which text came, one for each event.

    Numbers of tokens are the server's own, from ``usage``.
    """

    sent_s: float
    text_s: list[float]
    text: str
    num_prompt: int
    num_cached: int
    num_completion: int

    @property
    def ttft_s(self) -> float:
        """Time to the first token."""
        return self.text_s[0] - self.sent_s

    @property
    def gaps_s(self) -> list[float]:
        """Times between neighbouring pieces of text."""
        return [after - before for before, after in pairwise(self.text_s)]


def read_answer(exchange: Exchange) -> Answer:
    """The streamed answer of an exchange.

    Raises BenchmarkError where the server refuses, fails midway, does not stream, or does not
    report its usage.
    """
    reply = read_reply(exchange)
    kind = reply.headers.get("content-type", "none")
    if not kind.startswith("text/event-stream"):
        raise BenchmarkError(
            f"The server does not stream: it answers 'stream: true' with content of type {kind}. "
            "Only streamed answers can be timed token by token."
        )
    text: list[str] = []
    text_s: list[float] = []
    usage: dict[str, Any] = {}
    for moment_s, event in _events(reply.pieces):
        piece = _text(event)
        if piece:
            text.append(piece)
            text_s.append(moment_s)
        usage = event.get("usage") or usage
    if not text_s:
        raise BenchmarkError(
            "The server streamed an answer without text. Its model ends at once on these prompts: "
            "forbid its end tokens with --end-token."
        )
    if not usage:
        raise BenchmarkError(
            "The server does not report usage in a stream (stream_options.include_usage), so "
            "tokens cannot be counted."
        )
    details = usage.get("prompt_tokens_details") or {}
    return Answer(
        sent_s=exchange.sent_s,
        text_s=text_s,
        text="".join(text),
        num_prompt=usage["prompt_tokens"],
        num_cached=details.get("cached_tokens") or 0,
        num_completion=usage["completion_tokens"],
    )


def _events(pieces: Sequence[Piece]) -> Iterator[tuple[float, dict[str, Any]]]:
    """The JSON events of a stream with the moment at which each was complete."""
    rest = b""
    finished = False
    for moment_s, data in pieces:
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if not line.startswith(_DATA):
                continue
            payload = line[len(_DATA) :].strip()
            if payload == _END:
                finished = True
            else:
                yield moment_s, _event(payload)
    if not finished:
        raise BenchmarkError("The server broke off in the middle of an answer. See its log.")


def _event(payload: bytes) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(payload, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise BenchmarkError(f"The server streams what is no JSON: {payload[:80]!r}.") from error
    if "error" in event:
        raise BenchmarkError(f"The server failed during an answer: {error_message(payload)}")
    return event


def _text(event: dict[str, Any]) -> str:
    choices = event.get("choices") or [{}]
    delta = choices[0].get("delta") or {}
    return delta.get("content") or delta.get("reasoning_content") or ""
