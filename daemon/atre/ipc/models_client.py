# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from atre.ipc.model_messages import (
    CancelJob,
    ChangeModel,
    ForgetUnfinished,
    Freed,
    Importable,
    ImportModel,
    ListCatalogue,
    ListImportable,
    ListModels,
    ModelCatalogue,
    ModelChangeReport,
    ModelJob,
    ModelListing,
    PullModel,
    RemoveModel,
    VerifyModel,
)
from atre.ipc.peer import Peer


class ModelsClient:
    """Asks ``atred`` about models. Cheap to make, safe to share between threads.

    Every method raises ModelStoreError for what cannot be done, and EngineUnavailableError while
    the daemon is down.
    """

    def __init__(self, socket_path: Path) -> None:
        self._peer = Peer(socket_path, "management daemon", "service d’administration")

    def list(self) -> ModelListing:
        return self._peer.ask(ListModels(), ModelListing)

    def catalogue(self) -> ModelCatalogue:
        return self._peer.ask(ListCatalogue(), ModelCatalogue)

    def importable(self) -> Importable:
        return self._peer.ask(ListImportable(), Importable)

    def pull(self, request: PullModel) -> ModelJob:
        return self._peer.ask(request, ModelJob)

    def import_(self, request: ImportModel) -> ModelJob:
        return self._peer.ask(request, ModelJob)

    def verify(self, request: VerifyModel) -> ModelJob:
        return self._peer.ask(request, ModelJob)

    def cancel(self) -> ModelJob:
        return self._peer.ask(CancelJob(), ModelJob)

    def change(self, request: ChangeModel) -> ModelChangeReport:
        return self._peer.ask(request, ModelChangeReport)

    def remove(self, request: RemoveModel) -> Freed:
        return self._peer.ask(request, Freed)

    def forget_unfinished(self) -> Freed:
        return self._peer.ask(ForgetUnfinished(), Freed)
