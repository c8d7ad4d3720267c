# SPDX-License-Identifier: Apache-2.0
"""What crosses ``atred.sock`` about models: fixed verbs, one reply each.

``ListModels`` → ``ModelListing``; ``ListCatalogue`` → ``ModelCatalogue``; ``ListImportable`` →
``Importable``; ``PullModel``, ``ImportModel``, ``VerifyModel`` and ``CancelJob`` → ``ModelJob``;
``ChangeModel`` → ``ModelChangeReport``; ``RemoveModel`` and ``ForgetUnfinished`` → ``Freed``;
``Failed`` instead of any of them.
"""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta

from atre.ipc.message import Message

ModelName = Annotated[str, Meta(min_length=1, max_length=300)]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]  # PATH_MAX of Linux
Bytes = Annotated[int, Meta(ge=0)]


class ListModels(Message, frozen=True):
    """Ask for what is stored, what stopped half-way, and what is being done."""


class ListCatalogue(Message, frozen=True):
    """Ask for what can be fetched, and what suits this machine."""


class ListImportable(Message, frozen=True):
    """Ask for the models on plugged-in media and in the import folder."""


class PullModel(Message, frozen=True):
    """Fetch ``model``: an id of the catalogue, or OWNER/REPOSITORY/FILE.gguf of the hub."""

    model: ModelName


class ImportModel(Message, frozen=True):
    """Copy the model at ``path``, one that ``ListImportable`` shows or its folder.

    ``name`` None takes the file's; ``base`` names the stored model that an adapter is for.
    """

    path: Path
    name: ModelName | None = None
    base: ModelName | None = None


class VerifyModel(Message, frozen=True):
    """Read a stored model again and compare it with what it was."""

    model: ModelName


class CancelJob(Message, frozen=True):
    """End the job that runs; what a pull fetched stays for the next one."""


class ChangeModel(Message, frozen=True):
    """Answer with the stored model ``model``, or with ``factory``, from now on."""

    model: ModelName


class RemoveModel(Message, frozen=True):
    """Remove a stored model."""

    model: ModelName


class ForgetUnfinished(Message, frozen=True):
    """Throw away downloads that stopped."""


class Openness(StrEnum):
    """Whether only the weights are published, or data and code as well."""

    WEIGHTS = "open weights"
    SOURCE = "open source"


class ModelLicence(Message, frozen=True):
    """What a licence allows and forbids, in plain words; no legal advice."""

    title: str
    url: str
    summary: str
    summary_fr: str


class StoredModel(Message, frozen=True):
    """A model that the box keeps. What nobody knows is empty; ``licence`` None was not described.

    ``licence_id`` is the file's own word. ``source`` is ``import``, or ``hub:`` and the file's
    address. ``base`` is empty but for an adapter. Only a ``model`` can answer.
    """

    name: str
    title: str
    kind: Literal["model", "adapter", "embedding"]
    base: str
    size_bytes: Bytes
    added: str
    source: str
    origin: str
    licence: ModelLicence | None
    licence_id: str
    languages: list[str]


class UnfinishedPull(Message, frozen=True):
    """A download that stopped; pulling ``model`` goes on with it."""

    model: str
    done_bytes: Bytes
    size_bytes: Bytes


class JobKind(StrEnum):
    """What a job does."""

    PULL = "pull"
    IMPORT = "import"
    VERIFY = "verify"


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class ModelJob(Message, frozen=True):
    """The job that runs, or the last one since the daemon started.

    ``size_bytes`` 0 is not known yet. ``rate_bytes_s`` is that of the last seconds and ``left_s``
    what is left at it, None while nothing moves. A failed job has a ``problem``, one of
    ``atre.errors.ModelProblem``, and a sentence in English.
    """

    id: str
    kind: JobKind
    model: str
    state: JobState
    done_bytes: Bytes = 0
    size_bytes: Bytes = 0
    rate_bytes_s: float = 0.0
    left_s: float | None = None
    problem: str = ""
    message: str = ""


class Phase(StrEnum):
    """How far a change of the running model is; see ``atre.models.change``."""

    DRAINING = "draining"
    LOADING = "loading"
    TRYING = "trying"
    RETURNING = "returning"
    DONE = "done"
    FAILED = "failed"


class ModelChangeReport(Message, frozen=True):
    """The change that runs, or the last one since the box started.

    ``num_open`` answers are being finished. ``failed_at`` says how far it got and ``reason`` (and
    ``reason_fr``, in French) why it did not get further; ``answering`` is the model that answers
    once it has ended.
    """

    wanted: str
    phase: Phase
    num_open: int = 0
    failed_at: Phase | None = None
    reason: str = ""
    reason_fr: str = ""
    answering: str = ""


class ModelListing(Message, frozen=True):
    """The models of this box at one moment; ``chosen`` is the one for the next start."""

    chosen: str
    stored: list[StoredModel]
    unfinished: list[UnfinishedPull]
    job: ModelJob | None
    change: ModelChangeReport | None
    free_bytes: Bytes
    is_fixed: bool


class OfferedModel(Message, frozen=True):
    """A model of the catalogue; ``memory_bytes`` is what it takes with a context for a few."""

    id: str
    title: str
    kind: Literal["chat", "embedding"]
    origin: str
    licence: ModelLicence
    openness: Openness
    languages: list[str]
    memory_bytes: Bytes
    size_bytes: Bytes
    context_tokens: int | None
    good_for: str
    good_for_fr: str
    is_stored: bool


class Advice(Message, frozen=True):
    """The model for this machine, and why; ``tokens_s`` None was not estimated."""

    model: str
    tokens_s: float | None
    why: str
    why_fr: str


class ModelCatalogue(Message, frozen=True):
    """What can be fetched, best first; ``recommended`` None says that nothing fits."""

    models: list[OfferedModel]
    recommended: Advice | None


class ImportableModel(Message, frozen=True):
    """A model on a medium: the ``path`` to import, and where it is, in words."""

    path: str
    name: str
    size_bytes: Bytes
    place: str


class Importable(Message, frozen=True):
    """What can be imported now, and the ``folders`` that were looked into."""

    models: list[ImportableModel]
    folders: list[str]


class Freed(Message, frozen=True):
    """How many bytes are free again."""

    freed_bytes: Bytes


JobOrder = PullModel | ImportModel | VerifyModel
ModelRequest = (
    ListModels
    | ListCatalogue
    | ListImportable
    | PullModel
    | ImportModel
    | VerifyModel
    | CancelJob
    | ChangeModel
    | RemoveModel
    | ForgetUnfinished
)
