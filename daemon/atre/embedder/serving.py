# SPDX-License-Identifier: Apache-2.0
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from atre.embedder.embedder import Embedder
from atre.embedder.encoder import Tokenizer
from atre.embedder.job import Job
from atre.embedder.prepare import prepare
from atre.errors import AtreError, EngineUnavailableError, InvalidRequestError
from atre.ipc.failure import failure
from atre.ipc.messages import DescribeEmbedder, Embed, EmbedderDescription, EmbedderRequest
from atre.ipc.server import Connection, Server

_log = logging.getLogger(__name__)

_NUM_READERS = 2  # threads that tokenise, so that a short text passes a long one


@dataclass(slots=True, frozen=True)
class Loaded:
    """A model that is ready: its vocabulary and what computes with it."""

    embedder: Embedder
    tokenizer: Tokenizer
    description: EmbedderDescription


class EmbedderServer:
    """Answers on ``embedder.sock``: one request a connection; a closed connection is cancelled.

    It answers from the first moment: with ``refusal`` until ``serve`` hands it a model.
    """

    def __init__(self, socket_path: Path) -> None:
        self.refusal: AtreError = EngineUnavailableError(
            "The embedding model is loading. Try again in a few seconds."
        )
        self._loaded: Loaded | None = None
        self._readers = ThreadPoolExecutor(_NUM_READERS, thread_name_prefix="reader")
        self._lock = threading.Lock()
        self._jobs: dict[Connection, Job | None] = {}
        self._decoder = msgspec.msgpack.Decoder(EmbedderRequest)
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
            if isinstance(request, DescribeEmbedder):
                connection.send(_describe(loaded))
            else:
                self._begin(connection, request, loaded)
        except msgspec.DecodeError as error:
            connection.send(failure(InvalidRequestError(f"The request is malformed: {error}.")))
        except AtreError as error:
            connection.send(failure(error))

    def _begin(self, connection: Connection, request: Embed, loaded: Loaded) -> None:
        with self._lock:
            if connection in self._jobs:
                raise InvalidRequestError("This connection has a request already; open another.")
            self._jobs[connection] = None
        self._readers.submit(self._submit, connection, request, loaded)

    def _submit(self, connection: Connection, request: Embed, loaded: Loaded) -> None:
        try:
            with self._lock:
                if connection not in self._jobs:
                    return  # the reader left while others were being tokenised
            job = Job(
                inputs=prepare(request, loaded.tokenizer, loaded.description),
                model=loaded.description.model,
                dimensions=request.dimensions,
                user=request.user,
                send=connection.send,
            )
            with self._lock:
                if connection in self._jobs:
                    loaded.embedder.submit(job)
                    self._jobs[connection] = job
        except AtreError as error:
            connection.send(failure(error))
        except Exception:  # noqa: BLE001 -- a surprise must not leave its reader waiting
            _log.exception("a request could not be prepared")
            connection.send(failure(AtreError("The embedder failed to read this request.")))

    def _on_close(self, connection: Connection) -> None:
        with self._lock:
            job = self._jobs.pop(connection, None)
        if job and self._loaded:
            self._loaded.embedder.abort(job)


def _describe(loaded: Loaded) -> EmbedderDescription:
    embedder = loaded.embedder
    return msgspec.structs.replace(
        loaded.description,
        num_open=embedder.num_open,
        inputs_total=embedder.num_inputs_computed,
        tokens_total=embedder.num_tokens_computed,
    )
