# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from dataclasses import dataclass, field

from atre.engine.detokenizer import Detokenizer, StopStrings
from atre.engine.model_runner import Sampled, Vocabulary
from atre.engine.sequence import Sequence
from atre.ipc.messages import (
    Accepted,
    Delta,
    EngineEvent,
    Finished,
    FinishReason,
    Queued,
    Reading,
    TokenLogprob,
)

Sink = Callable[[EngineEvent], None]


@dataclass(slots=True, eq=False)
class Answer:
    """The reader's side of a sequence: turns its tokens into events and knows when it is over."""

    sequence: Sequence
    sink: Sink
    model: str
    stops: StopStrings
    arrived_s: float
    first_token_s: float | None = None
    num_tokens: int = 0
    _detokenizer: Detokenizer = field(default_factory=Detokenizer)
    _logprobs: list[TokenLogprob] = field(default_factory=list)
    _position: int | None = None

    def accept(self) -> None:
        """Tell the reader that an answer will come."""
        self.sink(Accepted(model=self.model, prompt_tokens=self.sequence.num_prompt))

    def report_position(self, position: int) -> None:
        """Tell the reader its place in the queue, when that changed."""
        if position != self._position:
            self._position = position
            self.sink(Queued(position=position))

    def report_reading(self, now_s: float) -> None:
        """Tell the reader how much of the prompt was read."""
        self.sink(
            Reading(
                total=self.sequence.num_prompt,
                cached=self.sequence.num_cached or 0,
                processed=min(self.sequence.num_computed, self.sequence.num_prompt),
                time_ms=round((now_s - self.arrived_s) * 1000),
            )
        )

    def push(self, sampled: Sampled, vocabulary: Vocabulary, now_s: float) -> FinishReason | None:
        """Send what the sampled token completes; say whether the answer is over."""
        if self.first_token_s is None:
            self.first_token_s = now_s
        self.num_tokens += 1
        if vocabulary.is_end(sampled.token):
            self._send(self.stops.flush())
            return FinishReason.STOP
        if sampled.logprob:
            self._logprobs.append(sampled.logprob)
        characters = self._detokenizer.push(vocabulary.piece(sampled.token))
        text, stopped = self.stops.push(characters)
        if not stopped and self.num_tokens >= self.sequence.max_tokens:
            self._send(text + self.stops.flush())
            return FinishReason.LENGTH
        self._send(text)
        return FinishReason.STOP if stopped else None

    def finish(self, reason: FinishReason, now_s: float) -> None:
        """Send the last event, with what the answer cost."""
        first_token_s = now_s if self.first_token_s is None else self.first_token_s
        self.sink(
            Finished(
                reason=reason,
                prompt_tokens=self.sequence.num_prompt,
                cached_tokens=self.sequence.num_cached or 0,
                completion_tokens=self.num_tokens,
                first_token_ms=(first_token_s - self.arrived_s) * 1000,
                total_ms=(now_s - self.arrived_s) * 1000,
            )
        )

    def _send(self, text: str) -> None:
        if text:
            self.sink(Delta(text=text, logprobs=self._logprobs))
            self._logprobs = []
