# SPDX-License-Identifier: Apache-2.0
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from atre.errors import AtreError, EngineUnavailableError, InvalidRequestError
from atre.ipc.failure import failure
from atre.ipc.intake import Intake
from atre.ipc.message import Message
from atre.ipc.presence import Activity, DescribeActivity
from atre.ipc.server import Connection, Server

_log = logging.getLogger(__name__)

# Threads that render and tokenise, so that a short text passes a long one; llama.cpp's tokeniser
# releases the GIL.
_NUM_READERS = 2

Request_contra = TypeVar("Request_contra", contravariant=True)
Job = TypeVar("Job")


@dataclass(slots=True, frozen=True)
class Caller:
    """Who asks: ``send`` never blocks; ``arrived_s`` is when the request came, ``monotonic``."""

    send: Callable[[Message], None]
    arrived_s: float


class Service(Protocol[Request_contra, Job]):
    """A model that is ready. Only ``prepare`` may take its time; each may raise AtreError."""

    def describe(self) -> Message:
        """What the model is and how it is doing."""

    def prepare(self, request: Request_contra, caller: Caller) -> Job:
        """Check a request and make of it what ``submit`` takes; runs in a reader's thread."""

    def submit(self, job: Job) -> None:
        """Queue a job, which sends its caller everything from then on."""

    def abort(self, job: Job) -> None:
        """End a job whose caller left; harmless for one that has ended."""


class JobServer(Generic[Request_contra, Job]):
    """Answers on a unix socket: one job a connection; a closed connection is cancelled.

    A request that is no ``job_request`` asks for the description. The server answers from the first
    moment: with ``refusal`` until ``serve`` hands it a model.
    """

    def __init__(
        self,
        socket_path: Path,
        *,
        model: str,
        requests: object,
        job_request: type[Request_contra],
        intake: Intake,
    ) -> None:
        """``model`` is how a refusal calls it; ``requests`` the type of all that may be asked.

        While ``intake`` is closed new jobs are refused, and those that run are finished.
        """
        self.refusal: AtreError = EngineUnavailableError(
            f"The {model} is loading. Try again in a few seconds."
        )
        self._job_request = job_request
        self._intake = intake
        self._service: Service[Request_contra, Job] | None = None
        self._readers = ThreadPoolExecutor(_NUM_READERS, thread_name_prefix="reader")
        self._lock = threading.Lock()
        self._jobs: dict[Connection, Job | None] = {}
        self._idle_since_s = time.monotonic()
        self._decoder = msgspec.msgpack.Decoder(requests)
        self._server = Server(socket_path, self._on_frame, self._on_close)

    def start(self) -> None:
        self._server.start()

    def serve(self, service: Service[Request_contra, Job]) -> None:
        self._idle_since_s = time.monotonic()
        self._service = service

    def close(self) -> None:
        self._server.close()
        self._readers.shutdown(cancel_futures=True)

    def _on_frame(self, connection: Connection, body: bytes) -> None:
        try:
            request = self._decoder.decode(body)
            if isinstance(request, DescribeActivity):
                connection.send(self._activity())
                return
            service = self._service
            if service is None:
                raise self.refusal
            if isinstance(request, self._job_request):
                self._intake.check()
                self._begin(connection, request, service)
            else:
                self._reply(connection, request, service)
        except msgspec.DecodeError as error:
            connection.send(failure(InvalidRequestError(f"The request is malformed: {error}.")))
        except AtreError as error:
            connection.send(failure(error))

    def _reply(
        self, connection: Connection, request: object, service: Service[Request_contra, Job]
    ) -> None:
        """Answer what is no job; runs in the server's thread."""
        del request
        connection.send(service.describe())

    def _activity(self) -> Activity:
        with self._lock:
            idle_s = 0.0 if self._jobs else time.monotonic() - self._idle_since_s
            return Activity(num_open=len(self._jobs), idle_s=idle_s)

    def _begin(
        self,
        connection: Connection,
        request: Request_contra,
        service: Service[Request_contra, Job],
    ) -> None:
        with self._lock:
            if connection in self._jobs:
                raise InvalidRequestError("This connection has a request already; open another.")
            self._jobs[connection] = None
        caller = Caller(connection.send, time.monotonic())
        self._readers.submit(self._submit, connection, request, service, caller)

    def _submit(
        self,
        connection: Connection,
        request: Request_contra,
        service: Service[Request_contra, Job],
        caller: Caller,
    ) -> None:
        try:
            with self._lock:
                if connection not in self._jobs:
                    return  # the caller left while others were being prepared
            job = service.prepare(request, caller)
            with self._lock:
                if connection in self._jobs:
                    service.submit(job)
                    self._jobs[connection] = job
        except AtreError as error:
            connection.send(failure(error))
        except Exception:  # noqa: BLE001 -- a surprise must not leave its caller waiting
            _log.exception("a request could not be prepared")
            connection.send(
                failure(AtreError("The box failed to read this request; its log says why."))
            )

    def _on_close(self, connection: Connection) -> None:
        with self._lock:
            had_job = connection in self._jobs
            job = self._jobs.pop(connection, None)
            if had_job and not self._jobs:
                self._idle_since_s = time.monotonic()
        if job is not None and self._service:
            self._service.abort(job)
