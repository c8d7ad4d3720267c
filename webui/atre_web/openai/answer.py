# SPDX-License-Identifier: Apache-2.0
"""Turns the engine's events into an HTTP answer, whole or streamed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

from flask import Response, jsonify

from atre.errors import AtreError
from atre.ipc.energy_messages import RequestEnergy
from atre.ipc.messages import Accepted, Delta, EngineEvent, Finished, FinishReason
from atre.ipc.presence import Waking
from atre_web.openai import sse
from atre_web.openai.errors import error_body
from atre_web.openai.interruption import ClientGoneError
from atre_web.openai.origin import Origin
from atre_web.openai.shape import Envelope, Shape
from atre_web.openai.stream import StreamWriter, Wishes
from atre_web.openai.usage import usage

IndexedEvent = tuple[int, EngineEvent | Origin] | None


class Events(Protocol):
    """The events of one request; leaving its ``with`` block cancels what still runs."""

    def events(self) -> Iterator[IndexedEvent]:
        """Each with the index of its choice, None as heartbeat."""
        ...

    def close(self) -> None:
        """Cancel what still runs."""
        ...

    @property
    def energy(self) -> RequestEnergy:
        """What they took; known once they are closed."""
        ...

    def __enter__(self) -> object: ...

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None: ...


@dataclass(slots=True)
class _Choice:
    deltas: list[Delta] = field(default_factory=list)
    end: Finished | None = None
    origin: Origin | None = None

    @property
    def whole(self) -> Delta:
        """All deltas as one."""
        return Delta(
            text="".join(delta.text for delta in self.deltas),
            logprobs=[each for delta in self.deltas for each in delta.logprobs],
            reasoning="".join(delta.reasoning for delta in self.deltas),
            calls=[call for delta in self.deltas for call in delta.calls],
        )

    @property
    def extension(self) -> dict[str, object]:
        """What the choice says beyond OpenAI's fields."""
        return self.origin.extension() if self.origin else {}

    @property
    def reason(self) -> FinishReason:
        return self.end.reason if self.end else FinishReason.STOP


def whole_answer(relay: Events, shape: Shape, wishes: Wishes) -> Response:
    """Wait for every choice, then answer once.

    Raises ClientGoneError if nobody waits any more, and the engine's error if it refuses.
    """
    choices: dict[int, _Choice] = {}
    with relay:
        events = relay.events()
        accepted = _accepted(events)
        for item in events:
            if item is None:
                continue
            index, event = item
            choice = choices.setdefault(index, _Choice())
            if isinstance(event, Delta):
                choice.deltas.append(event)
            elif isinstance(event, Finished):
                choice.end = event
            elif isinstance(event, Origin):
                choice.origin = event
    return jsonify(
        Envelope(accepted.model, shape.prefix).wrap(
            shape.whole,
            [
                shape.complete(index, choice.whole, choice.reason) | choice.extension
                for index, choice in sorted(choices.items())
            ],
            usage=usage(
                [choice.end for _, choice in sorted(choices.items()) if choice.end],
                relay.energy,
                num_prompts=wishes.num_prompts,
            ),
        )
    )


def streamed_answer(relay: Events, shape: Shape, wishes: Wishes) -> Response:
    """Answer with server-sent events as the tokens come.

    A request that the engine refuses is refused here too, with its own status: the engine accepts
    or refuses as soon as the prompt is tokenised, and headers go out right after that, before the
    request has waited or been read. Only where the model sleeps they go out at once, since loading
    it takes longer than clients wait for a header.
    """
    events = relay.events()
    try:
        first = _first(events)
    except BaseException:
        relay.close()
        raise
    writer = StreamWriter(shape, Envelope(first.model, shape.prefix), wishes)
    response = Response(_stream(relay, events, writer), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx passes each event on at once
    response.call_on_close(relay.close)
    return response


def _accepted(events: Iterator[IndexedEvent]) -> Accepted:
    """Wait until the engine takes the request."""
    while not isinstance(word := _first(events), Accepted):
        pass
    return word


def _first(events: Iterator[IndexedEvent]) -> Accepted | Waking:
    """Wait for the next word on the request."""
    for item in events:
        if item and isinstance(item[1], Accepted | Waking):
            return item[1]
    raise AtreError("The engine ended a request without answering it.")


def _stream(relay: Events, events: Iterator[IndexedEvent], writer: StreamWriter) -> Iterator[bytes]:
    with relay:
        try:
            yield writer.open()
            for item in events:
                yield from [sse.COMMENT] if item is None else writer.write(*item)
        except ClientGoneError:
            return
        except AtreError as error:
            yield sse.data(error_body(error))
            return
    yield from writer.finish(relay.energy)
