# SPDX-License-Identifier: Apache-2.0
"""An answer while it is written, for those in the same process who watch it."""

import os
import select
import threading
from collections.abc import Mapping

from atre.errors import AtreError
from atre_web.chat.message import Json


class StoppedError(AtreError):
    """Somebody who may do so ended the answer."""


class BoxStoppingError(StoppedError):
    """This process ends, and the answer with it."""


class Stop:
    """Ends an answer from any thread; a Relay waits for it as for a client that leaves."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._lock = threading.Lock()
        self._is_open = True
        self._error: type[StoppedError] = StoppedError

    def set(self, error: type[StoppedError] = StoppedError) -> None:
        """End it. Too late changes nothing."""
        with self._lock:
            if self._is_open:
                self._error = error
                os.write(self._write, b"\0")

    def register(self, poll: select.poll) -> None:
        """Let ``poll`` wait for it too."""
        poll.register(self._read, select.POLLIN)

    def check(self, ready: Mapping[int, int]) -> None:
        """Raises StoppedError if it was set."""
        if self._read in ready:
            raise self._error("The answer was stopped.")

    def close(self) -> None:
        """Free the pipe."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                os.close(self._read)
                os.close(self._write)


class Live:
    """What there is of an answer: everything so far, and what comes after. For any thread.

    Watchers get ``chunks``: the objects of a streamed chat completion, whatever fields they have.
    """

    def __init__(self, answer_id: int) -> None:
        self.answer_id = answer_id
        self.stop = Stop()
        self._changed = threading.Condition()
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._waiting: Json | None = None
        self._extension: Json | None = None
        self._chunks: list[Json] = []
        self._has_ended = False

    def add(self, chunk: Json) -> None:
        """Take note of the next chunk, and hand it on."""
        with self._changed:
            delta: Json = next((each.get("delta", {}) for each in chunk.get("choices", [])), {})
            self._texts.append(delta.get("content") or "")
            self._thoughts.append(delta.get("reasoning_content") or "")
            if not chunk.get("choices") and "usage" not in chunk:
                self._waiting = chunk
            if extension := _extension(chunk):
                self._extension = extension
            self._chunks.append(chunk)
            self._changed.notify_all()

    def end(self) -> None:
        """There will be no more."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def ended(self, *, timeout_s: float) -> bool:
        """Wait for the end that long at most, and say whether it has come."""
        with self._changed:
            return self._changed.wait_for(lambda: self._has_ended, timeout_s)

    @property
    def text(self) -> str:
        with self._changed:
            return "".join(self._texts)

    @property
    def reasoning(self) -> str:
        with self._changed:
            return "".join(self._thoughts)

    @property
    def extension(self) -> Json | None:
        """What the box says of the answer beyond OpenAI's fields."""
        with self._changed:
            return self._extension

    @property
    def waiting(self) -> Json | None:
        """Why there is nothing to read yet: the last chunk without a choice."""
        with self._changed:
            is_written = any(self._texts) or any(self._thoughts)
            return None if is_written else self._waiting

    def so_far(self) -> tuple[Json, int]:
        """Everything as one chunk, and the number of the chunk that comes next."""
        with self._changed:
            text, thoughts = "".join(self._texts), "".join(self._thoughts)
            return so_far_chunk(text, thoughts, None if text or thoughts else self._waiting), len(
                self._chunks
            )

    def after(self, number: int, *, timeout_s: float) -> tuple[list[Json], bool]:
        """The chunks from ``number`` on, perhaps none in that time, and whether it has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_ended or len(self._chunks) > number, timeout_s)
            return self._chunks[number:], self._has_ended


def so_far_chunk(text: str, reasoning: str, waiting: Json | None) -> Json:
    """A chunk that says everything at once, to somebody who comes later."""
    delta = {"content": text, "reasoning_content": reasoning}
    return {**(waiting or {}), "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def _extension(chunk: Json) -> Json | None:
    if isinstance(chunk.get("atre"), dict):
        return dict(chunk["atre"])
    choices = chunk.get("choices", [])
    inside = (each.get("atre") or each.get("delta", {}).get("atre") for each in choices)
    return next((dict(each) for each in inside if isinstance(each, dict)), None)
