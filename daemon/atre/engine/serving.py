# SPDX-License-Identifier: Apache-2.0
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from atre.engine.answer import Answer
from atre.engine.answer_grammar import answer_grammar
from atre.engine.chat_template import ChatTemplate
from atre.engine.detokenizer import StopStrings
from atre.engine.engine import Engine
from atre.engine.formats.family import Format
from atre.engine.formats.parts import AnswerParser
from atre.engine.grammar.grammar import Grammar
from atre.engine.model_runner import Vocabulary
from atre.engine.observed import observed
from atre.engine.prompt import prepare
from atre.engine.sequence import Sequence
from atre.engine.snapshots import Snapshots
from atre.engine.tool_check import check_tools
from atre.engine.work_log import WorkLog
from atre.ipc.intake import Intake
from atre.ipc.job_server import Caller, JobServer, Service
from atre.ipc.messages import EngineDescription, EngineRequest, Generate, ToolChoice
from atre.ipc.requested_model import check_model
from atre.ipc.server import Connection
from atre.ipc.work_messages import CapThreads, WatchWork

_PLAIN = Format()


@dataclass(slots=True, frozen=True)
class Loaded:
    """A model that is ready: what turns text into tokens, and the engine that computes them.

    ``accepts`` says whether answers can be held to a grammar; ``markers`` are the format's control
    tokens, with their bytes.
    """

    engine: Engine
    vocabulary: Vocabulary
    template: ChatTemplate
    window: int
    description: EngineDescription
    accepts: Callable[[Grammar], bool]
    snapshots: Snapshots
    format: Format = _PLAIN
    markers: Mapping[int, bytes] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def describe(self) -> EngineDescription:
        """``description`` with the figures of this moment."""
        return _describe(self)

    def prepare(self, request: Generate, caller: Caller) -> Answer:
        """Check, render and tokenise a prompt. Raises RequestError."""
        model = self.description.model
        check_model(request.model, model)
        check_tools(request, self.format)
        prompt = prepare(request, self.vocabulary, self.template, window=self.window)
        number = next(self._ids)
        sequence = Sequence(
            id=number,
            tokens=prompt.tokens,
            num_prompt=len(prompt.tokens),
            max_tokens=prompt.max_tokens,
            sampling=request.sampling,
            grammar=answer_grammar(request, prompt.text, self.format, self.accepts),
            user=request.user,
            priority=request.priority,
        )
        sequence.lookup.update(sequence.tokens)  # here, where it delays nobody's next token
        return Answer(
            sequence,
            caller.send,
            model,
            StopStrings(request.stop),
            caller.arrived_s,
            self.engine.work.request_id(number),
            parser=_parser(request, prompt.text, self.format),
            markers=self.markers,
            max_calls=None if request.parallel_tool_calls else 1,
        )

    def submit(self, job: Answer) -> None:
        self.engine.submit(job)

    def abort(self, job: Answer) -> None:
        self.engine.abort(job)


class EngineServer(JobServer[Generate, Answer]):
    """Answers on ``engine.sock``; ``work`` is what it tells of to those who watch.

    ``cap_threads`` takes effect from the model's next step on, None lifts the cap.
    """

    def __init__(self, socket_path: Path, intake: Intake) -> None:
        super().__init__(
            socket_path,
            model="model",
            requests=EngineRequest | WatchWork | CapThreads,
            job_request=Generate,
            intake=intake,
        )
        self.work: WorkLog | None = None
        self.cap_threads: Callable[[int | None], None] | None = None

    def _reply(
        self, connection: Connection, request: object, service: Service[Generate, Answer]
    ) -> None:
        if isinstance(request, WatchWork) and self.work:
            self.work.watch(connection.send, request)
        else:
            if isinstance(request, CapThreads) and self.cap_threads:
                self.cap_threads(request.threads)
            super()._reply(connection, request, service)

    def _on_close(self, connection: Connection) -> None:
        super()._on_close(connection)
        if self.work:
            self.work.unwatch(connection.send)


def _parser(request: Generate, prompt: str, format_: Format) -> AnswerParser | None:
    """What reads the answer to a conversation; other prompts are continued as plain text."""
    if request.messages is None:
        return None
    with_tools = bool(request.tools) and request.tool_choice is not ToolChoice.NONE
    return format_.parser(prompt, with_tools=with_tools)


def _describe(loaded: Loaded) -> EngineDescription:
    engine = loaded.engine
    now_s = time.monotonic()
    turns = engine.turns.totals()
    return msgspec.structs.replace(
        loaded.description,
        num_running=engine.num_running,
        num_waiting=engine.num_waiting,
        kv_cells_used=engine.num_cells_used,
        decode_tokens_per_s=engine.rates.decode_tokens_per_s(now_s),
        prefill_tokens_per_s=engine.rates.prefill_tokens_per_s(now_s),
        completion_tokens_total=engine.num_completion_tokens,
        requests_total=engine.num_requests,
        turns=turns,
        speed=observed(loaded.description.speed, turns),
        snapshot_bytes=loaded.snapshots.num_bytes,
    )
