# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from atre.engine.answer_text import AnswerText, Passage
from atre.engine.detokenizer import Detokenizer, StopStrings
from atre.engine.formats.parts import AnswerParser
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
    """The reader's side of a sequence: turns its tokens into events and knows when it is over.

    ``parser`` finds what is not plain text; ``markers`` are the control tokens that it must see,
    with their bytes; the answer ends with call number ``max_calls``.
    """

    sequence: Sequence
    sink: Sink
    model: str
    stops: StopStrings
    arrived_s: float
    request_id: str = ""
    begun_s: float | None = None
    first_token_s: float | None = None
    num_tokens: int = 0
    parser: AnswerParser | None = None
    markers: Mapping[int, bytes] = field(default_factory=dict)
    max_calls: int | None = None
    _text: AnswerText = field(init=False)
    _detokenizer: Detokenizer = field(default_factory=Detokenizer)
    _logprobs: list[TokenLogprob] = field(default_factory=list)
    _position: int | None = None

    def __post_init__(self) -> None:
        self._text = AnswerText(self.stops, self.parser, self.max_calls)

    def accept(self) -> None:
        """Tell the reader that an answer will come."""
        self.sink(
            Accepted(
                model=self.model,
                prompt_tokens=self.sequence.num_prompt,
                request_id=self.request_id,
            )
        )

    def report_position(self, position: int) -> None:
        """Tell the reader its place in the queue, when that changed."""
        if position != self._position:
            self._position = position
            self.sink(Queued(position=position))

    def report_reading(self, now_s: float) -> None:
        """Tell the reader how much of the prompt was read."""
        if self.begun_s is None:
            self.begun_s = now_s
        self.sink(
            Reading(
                total=self.sequence.num_prompt,
                cached=self.sequence.num_cached or 0,
                processed=min(self.sequence.num_computed, self.sequence.num_prompt),
                time_ms=round((now_s - self.arrived_s) * 1000),
            )
        )

    def service_s(self, now_s: float) -> float:
        """How long the model has worked on this, from the end of its first step: no wait counts."""
        return now_s - (now_s if self.begun_s is None else self.begun_s)

    def push(self, sampled: Sampled, vocabulary: Vocabulary, now_s: float) -> FinishReason | None:
        """Send what the sampled token completes; say whether the answer is over."""
        if self.first_token_s is None:
            self.first_token_s = now_s
        self.num_tokens += 1
        if vocabulary.is_end(sampled.token):
            self._send(self._text.finish(is_whole=True))
            return self._stop_reason
        if sampled.logprob:
            self._logprobs.append(sampled.logprob)
        piece = vocabulary.piece(sampled.token) or self.markers.get(sampled.token, b"")
        passage = self._text.push(self._detokenizer.push(piece))
        self._send(passage)
        if passage.is_last:
            return self._stop_reason
        if self.num_tokens >= self.sequence.max_tokens:
            self._send(self._text.finish(is_whole=False))
            return FinishReason.LENGTH
        return None

    @property
    def _stop_reason(self) -> FinishReason:
        return FinishReason.TOOL_CALLS if self._text.called_tools else FinishReason.STOP

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
                request_id=self.request_id,
            )
        )

    def _send(self, passage: Passage) -> None:
        if not (passage.text or passage.reasoning or passage.calls):
            return
        # Log probabilities are reported for the text; those of what is held back wait with it.
        logprobs = self._logprobs if passage.text else []
        self._logprobs = []
        self.sink(
            Delta(
                text=passage.text,
                logprobs=logprobs,
                reasoning=passage.reasoning,
                calls=passage.calls,
            )
        )
