# SPDX-License-Identifier: Apache-2.0
import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
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
from atre.engine.prompt import prepare
from atre.engine.sequence import Sequence
from atre.engine.snapshots import Snapshots
from atre.engine.tool_check import check_tools
from atre.errors import (
    AtreError,
    EngineUnavailableError,
    InvalidRequestError,
    ModelNotFoundError,
)
from atre.ipc.failure import failure
from atre.ipc.messages import DescribeEngine, EngineDescription, EngineRequest, Generate, ToolChoice
from atre.ipc.server import Connection, Server

_log = logging.getLogger(__name__)

_PLAIN = Format()
_NUM_READERS = 2  # threads that render and tokenise; llama.cpp's tokeniser releases the GIL


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


class EngineServer:
    """Answers on ``engine.sock``: one request a connection; a closed connection is cancelled.

    It answers from the first moment: with ``refusal`` until ``serve`` hands it a model.
    """

    def __init__(self, socket_path: Path) -> None:
        self.refusal: AtreError = EngineUnavailableError("The model is loading. Try again soon.")
        self._loaded: Loaded | None = None
        self._readers = ThreadPoolExecutor(_NUM_READERS, thread_name_prefix="reader")
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._answers: dict[Connection, Answer | None] = {}
        self._decoder = msgspec.msgpack.Decoder(EngineRequest)
        self._server = Server(socket_path, self._on_frame, self._on_close)

    def start(self) -> None:
        self._server.start()

    def serve(self, loaded: Loaded) -> None:
        self._loaded = loaded

    def close(self) -> None:
        self._server.close()
        self._readers.shutdown(cancel_futures=True)

    def _on_frame(self, connection: Connection, body: bytes) -> None:
        try:
            request = self._decoder.decode(body)
            loaded = self._loaded
            if loaded is None:
                raise self.refusal
            if isinstance(request, DescribeEngine):
                connection.send(_describe(loaded))
            else:
                self._begin(connection, request, loaded)
        except msgspec.DecodeError as error:
            connection.send(failure(InvalidRequestError(f"The request is malformed: {error}.")))
        except AtreError as error:
            connection.send(failure(error))

    def _begin(self, connection: Connection, request: Generate, loaded: Loaded) -> None:
        with self._lock:
            if connection in self._answers:
                raise InvalidRequestError("This connection has a request already; open another.")
            self._answers[connection] = None
        self._readers.submit(self._submit, connection, request, loaded, time.monotonic())

    def _submit(
        self, connection: Connection, request: Generate, loaded: Loaded, arrived_s: float
    ) -> None:
        try:
            answer = self._make_answer(connection, request, loaded, arrived_s)
            with self._lock:
                if connection not in self._answers:
                    return  # the reader left while its prompt was being prepared
                loaded.engine.submit(answer)
                self._answers[connection] = answer
        except AtreError as error:
            connection.send(failure(error))
        except Exception:  # noqa: BLE001 -- a surprise must not leave its reader waiting
            _log.exception("a request could not be prepared")
            connection.send(failure(AtreError("The engine failed to read this request.")))

    def _make_answer(
        self, connection: Connection, request: Generate, loaded: Loaded, arrived_s: float
    ) -> Answer:
        model = loaded.description.model
        if request.model and request.model != model:
            raise ModelNotFoundError(
                f"The model {request.model[:200]!r} is not on this box. Use {model!r}, or "
                "leave the field out.",
                param="model",
            )
        check_tools(request, loaded.format)
        prompt = prepare(request, loaded.vocabulary, loaded.template, window=loaded.window)
        sequence = Sequence(
            id=next(self._ids),
            tokens=prompt.tokens,
            num_prompt=len(prompt.tokens),
            max_tokens=prompt.max_tokens,
            sampling=request.sampling,
            grammar=answer_grammar(request, prompt.text, loaded.format, loaded.accepts),
            user=request.user,
            priority=request.priority,
        )
        sequence.lookup.update(sequence.tokens)  # here, where it delays nobody's next token
        return Answer(
            sequence,
            connection.send,
            model,
            StopStrings(request.stop),
            arrived_s,
            parser=_parser(request, prompt.text, loaded.format),
            markers=loaded.markers,
            max_calls=None if request.parallel_tool_calls else 1,
        )

    def _on_close(self, connection: Connection) -> None:
        with self._lock:
            answer = self._answers.pop(connection, None)
        if answer and self._loaded:
            self._loaded.engine.abort(answer)


def _parser(request: Generate, prompt: str, format_: Format) -> AnswerParser | None:
    """What reads the answer to a conversation; other prompts are continued as plain text."""
    if request.messages is None:
        return None
    with_tools = bool(request.tools) and request.tool_choice is not ToolChoice.NONE
    return format_.parser(prompt, with_tools=with_tools)


def _describe(loaded: Loaded) -> EngineDescription:
    engine = loaded.engine
    now_s = time.monotonic()
    return msgspec.structs.replace(
        loaded.description,
        num_running=engine.num_running,
        num_waiting=engine.num_waiting,
        kv_cells_used=engine.num_cells_used,
        decode_tokens_per_s=engine.rates.decode_tokens_per_s(now_s),
        prefill_tokens_per_s=engine.rates.prefill_tokens_per_s(now_s),
        completion_tokens_total=engine.num_completion_tokens,
        requests_total=engine.num_requests,
        turns=engine.turns.totals(),
        snapshot_bytes=loaded.snapshots.num_bytes,
    )
