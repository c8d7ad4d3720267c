# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from dataclasses import dataclass

from atre.ipc.energy_messages import RequestEnergy
from atre.ipc.messages import Delta, EngineEvent, Finished, Queued, Reading
from atre.ipc.presence import Waking
from atre_web.openai import sse
from atre_web.openai.origin import Origin
from atre_web.openai.shape import Envelope, Json, Shape
from atre_web.openai.usage import usage


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the client wants to see beside the answer."""

    include_usage: bool
    return_progress: bool
    num_choices: int = 1
    num_prompts: int = 1


class StreamWriter:
    """Words the events of one streamed answer as server-sent events."""

    def __init__(self, shape: Shape, envelope: Envelope, wishes: Wishes) -> None:
        self._shape = shape
        self._envelope = envelope
        self._wishes = wishes
        self._lengths = dict.fromkeys(range(wishes.num_choices), 0)
        self._ends: dict[int, Finished] = {}
        self._origins: dict[int, Origin] = {}

    def open(self) -> bytes:
        """What comes before the first token; sending it sends the headers too."""
        openings = [self._shape.opening(index) for index in self._lengths]
        return b"".join(self._chunk(choice) for choice in openings if choice) or sse.COMMENT

    def write(self, index: int, event: EngineEvent | Origin) -> Iterator[bytes]:
        """The bytes that tell the client of one event, perhaps none."""
        match event:
            case Waking() if self._wishes.return_progress:
                yield self._note(model_loading={"fraction": event.fraction})
            case Waking():
                yield sse.COMMENT
            case Queued() if self._wishes.return_progress:
                yield self._note(queue={"position": event.position})
            case Reading() if self._wishes.return_progress:
                yield self._note(
                    prompt_progress={
                        "total": event.total,
                        "cache": event.cached,
                        "processed": event.processed,
                        "time_ms": event.time_ms,
                    }
                )
            case Delta():
                offset = self._lengths[index]
                self._lengths[index] += len(event.text)
                yield self._chunk(self._shape.part(index, event, offset))
            case Finished():
                self._ends[index] = event
                origin = self._origins.get(index)
                extension = origin.extension() if origin else {}
                yield self._chunk(self._shape.ending(index, event.reason) | extension)
            case Origin():
                self._origins[index] = event
            case _:
                pass

    def finish(self, energy: RequestEnergy) -> Iterator[bytes]:
        """What comes after the last choice has ended."""
        if self._wishes.include_usage:
            ends = [end for _, end in sorted(self._ends.items())]
            yield self._note(usage=usage(ends, energy, num_prompts=self._wishes.num_prompts))
        yield sse.DONE

    def _chunk(self, choice: Json) -> bytes:
        return sse.data(self._envelope.wrap(self._shape.chunk, [choice]))

    def _note(self, **extra: object) -> bytes:
        return sse.data(self._envelope.wrap(self._shape.chunk, [], **extra))
