# SPDX-License-Identifier: Apache-2.0
"""The jobs of one box: one at a time, each in a child process of the management daemon."""

import contextlib
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from atre.atred.model_jobs.event import Event, decode
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
from atre.system.child_jobs import ChildJobs

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
        self._argv = [*program, str(data_dir)]
        self._children: ChildJobs[Event, ModelJob] = ChildJobs(
            "model-job", decode, busy=_busy, none=_none, stop_s=_STOP_S, clock=clock
        )

    def start(self, order: JobOrder, label: str) -> ModelJob:
        """Begin a job; ``label`` is what it is called until it knows its model's name.

        Raises ModelStoreError while another one runs.
        """
        kind, is_import = _KINDS[type(order)], isinstance(order, ImportModel)
        return self._children.start(
            [*self._argv, msgspec.json.encode(order).decode()],
            lambda now_s: JobRecord(secrets.token_hex(4), kind, label, now_s=now_s),
            gone=self._tidy if is_import else lambda: None,
        )

    def cancel(self) -> ModelJob:
        """End the job that runs. Raises ModelStoreError if none does."""
        return self._children.cancel()

    def report(self) -> ModelJob | None:
        """The job that runs or ran last."""
        return self._children.report()

    def close(self) -> None:
        """End what runs; a pull can be gone on with."""
        self._children.close()

    def _tidy(self) -> None:
        """An import's copies go; a damaged manifest stops that, and is nobody's fault here."""
        with contextlib.suppress(ModelStoreError):
            self._store.collect_garbage()


def _busy(job: ModelJob) -> ModelStoreError:
    return ModelStoreError(
        f"The box is busy with {job.model}. Wait for it, or cancel it.",
        f"Le boîtier s’occupe de {job.model}. Attendez la fin, ou annulez.",
        problem=ModelProblem.BUSY,
    )


def _none() -> ModelStoreError:
    return ModelStoreError(
        "Nothing is being fetched, imported or checked now.",
        "Rien n’est en train d’être téléchargé, importé ou vérifié.",
        problem=ModelProblem.NO_JOB,
    )
