# SPDX-License-Identifier: Apache-2.0
"""The models of the box for programs: the messages of the management daemon, as JSON."""

import msgspec
from flask import Response

from atre.ipc.message import Message
from atre.ipc.model_messages import (
    ChangeModel,
    ImportModel,
    ModelName,
    Path,
    PullModel,
    RemoveModel,
    VerifyModel,
)
from atre_web.body_limit import read_body
from atre_web.models.blueprint import blueprint, box
from atre_web.openai.schema import decode_body

PREFIX = "/api/box/v1/models"
_ACCEPTED = 202


class ModelBody(msgspec.Struct, forbid_unknown_fields=True):
    """A model by its name; to pull, an id of the catalogue or OWNER/REPOSITORY/FILE.gguf."""

    model: ModelName


class ImportBody(msgspec.Struct, forbid_unknown_fields=True):
    """A path that the list of importable models shows."""

    path: Path
    name: ModelName | None = None
    base: ModelName | None = None


@blueprint.get(PREFIX)
def listing() -> Response:
    """What is stored, what stopped half-way, what is being done."""
    return _json(box().list())


@blueprint.get(f"{PREFIX}/catalogue")
def catalogue() -> Response:
    """What can be fetched, and what suits this machine."""
    return _json(box().catalogue())


@blueprint.get(f"{PREFIX}/importable")
def importable() -> Response:
    """What can be imported from plugged-in media."""
    return _json(box().importable())


@blueprint.post(f"{PREFIX}/pull")
def pull() -> Response:
    """Begin or go on fetching a model."""
    return _json(box().pull(PullModel(model=_model())), _ACCEPTED)


@blueprint.post(f"{PREFIX}/import")
def import_() -> Response:
    """Begin copying a model from a medium."""
    body = decode_body(read_body(), ImportBody)
    request = ImportModel(path=body.path, name=body.name, base=body.base)
    return _json(box().import_(request), _ACCEPTED)


@blueprint.post(f"{PREFIX}/verify")
def verify() -> Response:
    """Begin reading a stored model again."""
    return _json(box().verify(VerifyModel(model=_model())), _ACCEPTED)


@blueprint.post(f"{PREFIX}/cancel")
def cancel() -> Response:
    """End what runs."""
    return _json(box().cancel())


@blueprint.post(f"{PREFIX}/use")
def use() -> Response:
    """Begin to answer with another model."""
    return _json(box().change(ChangeModel(model=_model())), _ACCEPTED)


@blueprint.post(f"{PREFIX}/remove")
def remove() -> Response:
    """Remove a stored model."""
    return _json(box().remove(RemoveModel(model=_model())))


@blueprint.post(f"{PREFIX}/forget-unfinished")
def forget_unfinished() -> Response:
    """Throw away downloads that stopped."""
    return _json(box().forget_unfinished())


def _model() -> str:
    return decode_body(read_body(), ModelBody).model


def _json(message: Message, status: int = 200) -> Response:
    return Response(msgspec.json.encode(message), status, mimetype="application/json")
