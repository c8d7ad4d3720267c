# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import msgspec

from atre.ipc.messages import DescribeEmbedder, Embed, Embedded, EmbedderDescription, Failed, Vector
from atre.ipc.peer import Peer
from atre.ipc.presence import Moved
from atre.ipc.running_job import RunningJob

Embedding = RunningJob[Vector | Embedded]

_decoder = msgspec.msgpack.Decoder(Vector | Embedded | Failed | Moved)


class EmbedderClient:
    """Speaks to ``atre-embedder``. Cheap to make, safe to share between threads."""

    def __init__(self, socket_path: Path) -> None:
        self._peer = Peer(socket_path, "embedding model", "modèle de vecteurs")

    def describe(self) -> EmbedderDescription:
        """The embedding model. Raises EngineUnavailableError while it is down or loading."""
        return self._peer.ask(DescribeEmbedder(), EmbedderDescription)

    def embed(self, request: Embed) -> Embedding:
        """Start one job. Raises EngineUnavailableError if the embedder cannot be reached."""
        return RunningJob(self._peer, request, _decoder)
