# SPDX-License-Identifier: Apache-2.0
"""Writes an answer in a thread of its own: it belongs to the box, not to a browser's connection."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing

import msgspec

from atre.errors import AtreError, StorageError
from atre.ipc.messages import Accepted, EngineEvent
from atre_web.accounts.database import connect
from atre_web.chat import messages
from atre_web.chat.desk import Desk
from atre_web.chat.failure import failure_of
from atre_web.chat.live import BoxStoppingError, Live, StoppedError
from atre_web.chat.message import Json, Message, State
from atre_web.openai.answer import Events
from atre_web.openai.origin import Origin
from atre_web.openai.shape import ChatShape, Envelope
from atre_web.openai.stream import StreamWriter, Wishes
from atre_web.openai.usage import energy_object

# What was streamed is on the disk after this long at most: one write a second, none a token.
KEEP_S = 1.0
_BEAT_S = 5.0  # a sign of life while there is nothing new to write
_WISHES = Wishes(include_usage=True, return_progress=True)
_log = logging.getLogger(__name__)


class Writing:
    """One answer on its way from ``relay`` to those who watch and to the database."""

    def __init__(self, desk: Desk, live: Live, relay: Events) -> None:
        self._desk = desk
        self._live = live
        self._relay = relay
        self._started_s = desk.uptime()
        self._kept_s = self._started_s
        self._kept: tuple[str, str, Json | None] = ("", "", None)
        self._model: str | None = None
        self._finish_reason: str | None = None
        self._usage: Json = {}

    def start(self) -> None:
        """Begin in the background."""
        # A daemon: a process that ends waits for nobody; what was kept is marked as interrupted.
        threading.Thread(target=self._run, name="answer", daemon=True).start()

    def _run(self) -> None:
        state: State = "interrupted"
        failure: Json | None = None
        try:
            with closing(connect(self._desk.database)) as connection:
                state, failure = self._write(connection)
                messages.finish(connection, self._message(state, failure))
        except (sqlite3.Error, StorageError):
            _log.exception("atre-web: an answer could not be kept")
        finally:
            self._relay.close()
            self._desk.close(self._live)

    def _write(self, connection: sqlite3.Connection) -> tuple[State, Json | None]:
        try:
            with self._relay:
                for chunk in self._chunks():
                    if chunk is not None:
                        self._live.add(chunk)
                        self._note(chunk)
                    if not self._keep(connection):
                        return "stopped", None
        except BoxStoppingError:
            return "interrupted", None
        except StoppedError:
            return "stopped", None
        except AtreError as error:
            return "failed", failure_of(error)
        return "done", None

    def _chunks(self) -> Iterator[Json | None]:
        """The objects that a streamed chat completion would send; None as heartbeat."""
        writer = StreamWriter(ChatShape(), Envelope("", ChatShape.prefix), _WISHES)
        for item in self._relay.events():
            if item is None:
                yield None
                continue
            index, event = item
            if isinstance(event, Accepted):
                self._model = event.model
            yield from _objects(writer, index, event)
        self._relay.close()
        for sent in writer.finish(self._relay.energy):
            yield from _decoded(sent)

    def _note(self, chunk: Json) -> None:
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices", []):
            self._finish_reason = choice.get("finish_reason") or self._finish_reason

    def _keep(self, connection: sqlite3.Connection) -> bool:
        """Write down what is new, if it is time to. False if nobody wants the answer any more."""
        now = self._desk.uptime()
        if now - self._kept_s < KEEP_S:
            return True
        there = (self._live.text, self._live.reasoning, self._live.waiting)
        if there != self._kept or now - self._kept_s >= _BEAT_S:
            messages.keep(
                connection,
                self._live.answer_id,
                text=there[0],
                reasoning=there[1],
                waiting=there[2],
                beat=now,
            )
            self._kept, self._kept_s = there, now
        return messages.is_wanted(connection, self._live.answer_id)

    def _message(self, state: State, failure: Json | None) -> Message:
        return Message(
            id=self._live.answer_id,
            parent_id=None,  # not written again
            role="assistant",
            state=state,
            text=self._live.text,
            reasoning=self._live.reasoning,
            model=self._model,
            finish_reason=self._finish_reason,
            prompt_tokens=self._usage.get("prompt_tokens"),
            completion_tokens=self._usage.get("completion_tokens"),
            seconds=self._desk.uptime() - self._started_s,
            failure=failure,
            extension=self._live.extension,
            energy=energy_object(self._relay.energy),
            created_at=0.0,
        )


def _objects(writer: StreamWriter, index: int, event: EngineEvent | Origin) -> Iterator[Json]:
    for sent in writer.write(index, event):
        yield from _decoded(sent)


def _decoded(sent: bytes) -> Iterator[Json]:
    """The object of a server-sent event; comments and the end have none."""
    line = sent.removeprefix(b"data: ").strip()
    if line.startswith(b"{"):
        yield msgspec.json.decode(line)
