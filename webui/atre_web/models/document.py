# SPDX-License-Identifier: Apache-2.0
"""The part of the OpenAPI document about models, derived from the messages themselves."""

from typing import Any

import msgspec

from atre.ipc.model_messages import (
    Freed,
    Importable,
    ModelCatalogue,
    ModelChangeReport,
    ModelJob,
    ModelListing,
)
from atre_web.models.api import PREFIX, ImportBody, ModelBody

Json = dict[str, Any]

_KINDS = (
    ModelListing,
    ModelCatalogue,
    Importable,
    ModelJob,
    ModelChangeReport,
    Freed,
    ModelBody,
    ImportBody,
)
_GETS = {
    "": (ModelListing, "What is stored, what stopped half-way, and what is being done"),
    "/catalogue": (ModelCatalogue, "What can be fetched, and what suits this machine"),
    "/importable": (Importable, "The models on plugged-in media"),
}
_POSTS = {
    "/pull": (202, ModelJob, ModelBody, "Begin or go on fetching a model of the hub"),
    "/import": (202, ModelJob, ImportBody, "Begin copying a model from a medium"),
    "/verify": (202, ModelJob, ModelBody, "Begin reading a stored model again"),
    "/cancel": (200, ModelJob, None, "End what runs; what was fetched stays"),
    "/use": (202, ModelChangeReport, ModelBody, "Begin to answer with another model"),
    "/remove": (200, Freed, ModelBody, "Remove a stored model"),
    "/forget-unfinished": (200, Freed, None, "Throw away downloads that stopped"),
}
_REFUSALS = (400, 401, 403, 404, 409, 500, 503)


def model_paths(ref_template: str) -> tuple[Json, Json]:
    """The paths, and the schemas that they refer to."""
    references, components = msgspec.json.schema_components(_KINDS, ref_template=ref_template)
    schemas = dict(zip(_KINDS, references, strict=True))
    error = _content({"$ref": ref_template.format(name="Error")})
    paths: Json = {
        PREFIX + path: {"get": _operation(summary, 200, schemas[kind], error)}
        for path, (kind, summary) in _GETS.items()
    }
    for path, (status, kind, body, summary) in _POSTS.items():
        operation = _operation(summary, status, schemas[kind], error)
        if body is not None:
            operation["requestBody"] = {"required": True, **_content(schemas[body])}
        paths[PREFIX + path] = {"post": operation}
    return paths, components


def _operation(summary: str, status: int, schema: Json, error: Json) -> Json:
    answers: Json = {str(status): {"description": "OK", **_content(schema)}}
    answers |= {str(each): {"description": "Error", **error} for each in _REFUSALS}
    return {"summary": summary, "responses": answers}


def _content(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}
