# SPDX-License-Identifier: Apache-2.0
"""What ``atred`` does about models: each message of ``atre.ipc.model_messages``, one reply."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.atred.model_jobs.jobs import ModelJobs
from atre.atred.model_jobs.media import check_source, import_roots, importable
from atre.atred.model_shelf import offered, stored, unfinished_pulls
from atre.atred.model_switch import ModelSwitch
from atre.config import Config
from atre.errors import InvalidRequestError, ModelProblem, ModelStoreError
from atre.ipc.message import Message
from atre.ipc.model_messages import (
    Advice,
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
    ModelRequest,
    PullModel,
    RemoveModel,
    VerifyModel,
)
from atre.models.catalogue import load_catalogue
from atre.models.manifest import FACTORY, check_name, name_of_file
from atre.models.unfinished import forget_unfinished
from atre.plan.planning import model_store
from atre.plan.recommend import Recommendation


class ModelVerbs:
    """Answers requests about models; safe to call from several threads."""

    def __init__(
        self,
        config: Config,
        *,
        jobs: ModelJobs | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._store = model_store(config.data_dir)
        self._catalogue = load_catalogue()
        self._jobs = jobs or ModelJobs(self._store, config.data_dir)
        self._switch = ModelSwitch(config, self._store, clock)
        self._verbs: dict[type, Callable[..., Message]] = {
            ListModels: self._list,
            ListCatalogue: self._list_catalogue,
            ListImportable: self._list_importable,
            PullModel: self._pull,
            ImportModel: self._import,
            VerifyModel: self._verify,
            CancelJob: self._cancel,
            ChangeModel: self._change,
            RemoveModel: self._remove,
            ForgetUnfinished: self._forget,
        }

    def answer(self, request: ModelRequest) -> Message:
        """The reply. Raises ModelStoreError and InvalidRequestError."""
        return self._verbs[type(request)](request)

    def close(self) -> None:
        self._jobs.close()

    def _list(self, _: ListModels) -> ModelListing:
        job = self._jobs.report()
        return ModelListing(
            chosen=self._store.chosen() or FACTORY,
            stored=[stored(manifest, self._catalogue) for manifest in self._store.manifests()],
            unfinished=unfinished_pulls(self._store.partial_dir, self._catalogue, job),
            job=job,
            change=self._switch.report(),
            free_bytes=shutil.disk_usage(self._config.data_dir).free,
            is_fixed=self._config.model is not None,
        )

    def _list_catalogue(self, _: ListCatalogue) -> ModelCatalogue:
        names = set(self._store.names())
        return ModelCatalogue(
            models=[
                offered(model, self._catalogue, is_stored=model.id in names)
                for model in self._catalogue.models
            ],
            recommended=_advice(self._config.advice_file),
        )

    def _list_importable(self, _: ListImportable) -> Importable:
        roots = import_roots(self._config.data_dir)
        return Importable(models=importable(roots), folders=[str(root) for root in roots])

    def _pull(self, request: PullModel) -> ModelJob:
        name = self._name_of_pull(request.model)
        self._check_free_name(name)
        return self._jobs.start(request, name)

    def _name_of_pull(self, model: str) -> str:
        if not model.isprintable():
            raise ModelStoreError(
                "A model's name has printable characters only.",
                "Le nom d’un modèle n’a que des caractères imprimables.",
                problem=ModelProblem.UNKNOWN,
            )
        if model.endswith(".gguf") and "/" in model:
            return name_of_file(model.rpartition("/")[2])
        return self._catalogue.find(model).id

    def _import(self, request: ImportModel) -> ModelJob:
        if not request.path.startswith("/"):
            raise InvalidRequestError("The path must be whole, from / on.", param="path")
        found = check_source(request.path, import_roots(self._config.data_dir))
        name = check_name(request.name) if request.name is not None else found.name
        self._check_free_name(name)
        if request.base is not None:
            self._store.manifest(request.base)
        # Followed links are not followed a second time: what was checked is what is read.
        order = replace(request, path=str(found.files[0]), name=name)
        return self._jobs.start(order, name)

    def _check_free_name(self, name: str) -> None:
        if self._store.has(name):
            raise ModelStoreError(
                f"A model {name!r} is stored already. Verify it, or remove it first to have it "
                "again.",
                f"Un modèle {name!r} est déjà enregistré. Vérifiez-le, ou retirez-le d’abord pour "
                "le reprendre.",
                problem=ModelProblem.TAKEN,
            )

    def _verify(self, request: VerifyModel) -> ModelJob:
        return self._jobs.start(request, self._store.manifest(request.model).name)

    def _cancel(self, _: CancelJob) -> ModelJob:
        return self._jobs.cancel()

    def _change(self, request: ChangeModel) -> ModelChangeReport:
        return self._switch.ask(request.model)

    def _remove(self, request: RemoveModel) -> Freed:
        change = self._switch.report()
        if self._switch.is_running and change is not None and change.wanted == request.model:
            raise ModelStoreError(
                f"The box is changing to {request.model} now.",
                f"Le boîtier est en train de passer à {request.model}.",
                problem=ModelProblem.IN_USE,
            )
        return Freed(freed_bytes=self._store.remove(request.model))

    def _forget(self, _: ForgetUnfinished) -> Freed:
        return Freed(freed_bytes=forget_unfinished(self._store.partial_dir))


def _advice(path: Path) -> Advice | None:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Recommendation | None)
    except (OSError, msgspec.DecodeError):
        return None
    if found is None:
        return None
    return Advice(model=found.model.id, tokens_s=found.tokens_s, why=found.why, why_fr=found.why_fr)
