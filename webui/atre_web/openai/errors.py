# SPDX-License-Identifier: Apache-2.0
"""The one table from errors to HTTP: status, OpenAI type and code."""

from dataclasses import dataclass

from flask import Response, jsonify, request
from werkzeug.exceptions import HTTPException, NotFound

from atre.errors import (
    AtreError,
    ConflictError,
    ContextLengthError,
    DiskFullError,
    EngineError,
    EngineUnavailableError,
    ForbiddenError,
    IntakeClosedError,
    ModelLoadError,
    ModelNotFoundError,
    ModelProblem,
    ModelStoreError,
    NotFoundError,
    QueueFullError,
    QuotaError,
    RequestError,
)

_RETRY_AFTER_S = 5  # a lost engine is back, or its failure known, by then


@dataclass(frozen=True, slots=True)
class Row:
    """How one kind of error looks to a client."""

    status: int
    type: str
    code: str | None


TABLE: dict[type[AtreError], Row] = {
    ContextLengthError: Row(400, "invalid_request_error", "context_length_exceeded"),
    ModelNotFoundError: Row(404, "invalid_request_error", "model_not_found"),
    NotFoundError: Row(404, "invalid_request_error", "not_found"),
    QueueFullError: Row(429, "rate_limit_error", "queue_full"),
    QuotaError: Row(429, "rate_limit_error", "quota_exceeded"),
    ForbiddenError: Row(403, "invalid_request_error", "permission_denied"),
    ConflictError: Row(409, "invalid_request_error", "conflict"),
    RequestError: Row(400, "invalid_request_error", None),
    EngineUnavailableError: Row(503, "server_error", "engine_unavailable"),
    ModelLoadError: Row(503, "server_error", "no_model"),
    EngineError: Row(500, "server_error", "engine_error"),
    ModelStoreError: Row(400, "invalid_request_error", ModelProblem.OTHER),
    DiskFullError: Row(507, "server_error", "disk_full"),
    AtreError: Row(500, "server_error", None),
}

_MODEL_STATUSES = {
    **dict.fromkeys((ModelProblem.OUTSIDE, ModelProblem.GATED), 403),
    **dict.fromkeys(
        (
            ModelProblem.NOT_ON_HUB,
            ModelProblem.NO_JOB,
            ModelProblem.PATH_UNKNOWN,
            ModelProblem.UNKNOWN,
        ),
        404,
    ),
    **dict.fromkeys(
        (
            ModelProblem.ADAPTER_ONLY,
            ModelProblem.BUSY,
            ModelProblem.CHANGING,
            ModelProblem.FIXED,
            ModelProblem.IN_USE,
            ModelProblem.NEEDED,
            ModelProblem.TAKEN,
        ),
        409,
    ),
    **dict.fromkeys((ModelProblem.DAMAGED, ModelProblem.DISK_FAILED), 500),
    **dict.fromkeys((ModelProblem.DISK_FULL, ModelProblem.OVER_LIMIT), 507),
}


def error_body(error: AtreError) -> dict[str, object]:
    """The OpenAI error object, with both numbers where a context overflowed."""
    row = row_of(error)
    body: dict[str, object] = {
        "message": str(error),
        "type": row.type,
        "param": error.param if isinstance(error, RequestError) else None,
        "code": row.code,
    }
    if isinstance(error, ContextLengthError):
        body |= {"n_prompt_tokens": error.num_tokens, "n_ctx": error.limit}
    return {"error": body}


def error_response(error: AtreError) -> Response:
    """The error as an answer, with Retry-After where trying again makes sense."""
    row = row_of(error)
    response = jsonify(error_body(error))
    response.status_code = row.status
    if isinstance(error, QueueFullError | QuotaError | IntakeClosedError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    elif isinstance(error, EngineUnavailableError):
        response.headers["Retry-After"] = str(_RETRY_AFTER_S)
    return response


def http_error_response(error: HTTPException) -> Response:
    """What Flask itself refuses (no such route, wrong method, body too long) in the same shape."""
    status = error.code or 500
    response = jsonify(
        {
            "error": {
                "message": _sentence(error),
                "type": "invalid_request_error" if status < 500 else "server_error",  # noqa: PLR2004
                "param": None,
                "code": error.name.lower().replace(" ", "_"),
            }
        }
    )
    response.status_code = status
    for name, value in error.get_headers():
        if name != "Content-Type":  # Allow, for one, which RFC 9110 demands with 405
            response.headers.add(name, value)
    return response


def _sentence(error: HTTPException) -> str:
    if isinstance(error, NotFound) and error.description == NotFound.description:
        path = request.path[:200]
        # n8n and newer OpenAI clients start there, and show the sentence to whoever set them up.
        if path.startswith("/v1/responses"):
            return (
                "This box has no Responses API (/v1/responses). Have the program use "
                "/v1/chat/completions; in n8n, switch off Use Responses API."
            )
        return f"This box has no {path}. What it has is listed at /openapi.json."
    return error.description or error.name


def row_of(error: AtreError) -> Row:
    """The row of the error's class or of the nearest class above it.

    What went wrong with a model is its own code, and decides the status; so is why nothing new is
    taken.
    """
    if isinstance(error, ModelStoreError):
        status = _MODEL_STATUSES.get(error.problem, 400)
        kind = "server_error" if status >= 500 else "invalid_request_error"  # noqa: PLR2004
        return Row(status, kind, error.problem)
    if isinstance(error, IntakeClosedError):
        return Row(503, "server_error", error.reason)
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
