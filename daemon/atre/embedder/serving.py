# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
from pathlib import Path

import msgspec

from atre.embedder.embedder import Embedder
from atre.embedder.encoder import Tokenizer
from atre.embedder.job import Job
from atre.embedder.prepare import prepare
from atre.ipc.intake import Intake
from atre.ipc.job_server import Caller, JobServer
from atre.ipc.messages import Embed, EmbedderDescription, EmbedderRequest


@dataclass(slots=True, frozen=True)
class Loaded:
    """A model that is ready: its vocabulary and what computes with it."""

    embedder: Embedder
    tokenizer: Tokenizer
    description: EmbedderDescription

    def describe(self) -> EmbedderDescription:
        """``description`` with the figures of this moment."""
        embedder = self.embedder
        return msgspec.structs.replace(
            self.description,
            num_open=embedder.num_open,
            inputs_total=embedder.num_inputs_computed,
            tokens_total=embedder.num_tokens_computed,
        )

    def prepare(self, request: Embed, caller: Caller) -> Job:
        """Tokenise the inputs. Raises RequestError."""
        return Job(
            inputs=prepare(request, self.tokenizer, self.description),
            model=self.description.model,
            dimensions=request.dimensions,
            user=request.user,
            send=caller.send,
        )

    def submit(self, job: Job) -> None:
        self.embedder.submit(job)

    def abort(self, job: Job) -> None:
        self.embedder.abort(job)


class EmbedderServer(JobServer[Embed, Job]):
    """Answers on ``embedder.sock``."""

    def __init__(self, socket_path: Path, intake: Intake) -> None:
        super().__init__(
            socket_path,
            model="embedding model",
            requests=EmbedderRequest,
            job_request=Embed,
            intake=intake,
        )
