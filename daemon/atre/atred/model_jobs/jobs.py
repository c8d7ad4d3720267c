# SPDX-License-Identifier: Apache-2.0
"""The jobs of one box: one at a time, each in a child process of the management daemon."""

import contextlib
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from atre.atred.model_jobs.event import decode
from atre.atred.model_jobs.record import JobRecord
from atre.errors import ModelProblem, ModelStoreError
from atre.ipc.model_messages import (
    ImportModel,
    JobKind,
    JobOrder,
    ModelJob,
    PullModel,
    VerifyModel,
)
from atre.models.store import Store

_STOP_S = 5.0
_KINDS = {PullModel: JobKind.PULL, ImportModel: JobKind.IMPORT, VerifyModel: JobKind.VERIFY}


class ModelJobs:
    """Starts a job, follows it, ends it. One at a time: each wants the disk for itself."""

    def __init__(
        self,
        store: Store,
        data_dir: Path,
        *,
        program: Sequence[str] = (sys.executable, "-m", "atre.atred.model_jobs.work"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._data_dir = data_dir
        self._program = program
        self._clock = clock
        self._starting = threading.Lock()
        self._lock = threading.Lock()
        self._record: JobRecord | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None

    def start(self, order: JobOrder, label: str) -> ModelJob:
        """Begin a job; ``label`` is what it is called until it knows its model's name.

        Raises ModelStoreError while another one runs.
        """
        with self._starting:
            with self._lock:
                if self._record is not None and self._record.is_running:
                    raise ModelStoreError(
                        f"The box is busy with {self._record.report(self._clock()).model}. Wait "
                        "for it, or cancel it.",
                        problem=ModelProblem.BUSY,
                    )
            self._join()  # a job that was cancelled holds its file until its process is gone
            record = JobRecord(
                secrets.token_hex(4), _KINDS[type(order)], label, now_s=self._clock()
            )
            text = msgspec.json.encode(order).decode()
            process = subprocess.Popen(
                [*self._program, str(self._data_dir), text],
                stdin=subprocess.PIPE,  # its lifeline
                stdout=subprocess.PIPE,
            )
            with self._lock:
                self._record, self._process = record, process
            self._listener = threading.Thread(
                target=self._listen, args=(process, record, order), name="model-job"
            )
            self._listener.start()
            return self._report(record)

    def report(self) -> ModelJob | None:
        """The job that runs or ran last."""
        return self._report(self._record) if self._record else None

    def cancel(self) -> ModelJob:
        """End the job that runs. Raises ModelStoreError if none does."""
        with self._lock:
            record, process = self._record, self._process
            if record is None or process is None or not record.is_running:
                raise ModelStoreError(
                    "Nothing is being fetched, imported or checked now.",
                    problem=ModelProblem.NO_JOB,
                )
            record.cancel()
            process.terminate()
            return record.report(self._clock())

    def close(self) -> None:
        """End what runs; a pull can be gone on with."""
        with self._lock:
            process = self._process
            if process is not None and process.poll() is None:
                process.terminate()
        with self._starting:
            self._join()

    def _report(self, record: JobRecord) -> ModelJob:
        with self._lock:
            return record.report(self._clock())

    def _join(self) -> None:
        if self._listener is not None:
            self._listener.join()
            self._listener = None

    def _listen(
        self, process: "subprocess.Popen[bytes]", record: JobRecord, order: JobOrder
    ) -> None:
        with process:
            for line in process.stdout or ():
                event = decode(line)
                if event is not None:
                    with self._lock:
                        record.hear(event, self._clock())
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        if isinstance(order, ImportModel):
            # Its copies go; a damaged manifest stops that, and is nobody's fault here.
            with contextlib.suppress(ModelStoreError):
                self._store.collect_garbage()
        with self._lock:
            record.lose()
