# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI 3.1 document; request bodies are derived from the types that decode them."""

from typing import Any

import msgspec

from atre_web.openai.schema import ChatBody, CompletionBody

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"


def openapi_document() -> Json:
    """The document, as JSON-able values."""
    bodies, components = msgspec.json.schema_components(
        [ChatBody, CompletionBody], ref_template=_REF
    )
    chat, completion = bodies
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Âtre",
            "version": "1",
            "description": "The OpenAI API of the box. Send a key as 'Authorization: Bearer …'.",
        },
        "security": [{"key": []}],
        "paths": {
            "/v1/models": {"get": _operation("The model that is loaded", _MODELS)},
            "/v1/models/{model}": {
                "get": _operation(
                    "One model",
                    _MODEL,
                    errors=(401, 404, 503),
                    parameters=[
                        {
                            "name": "model",
                            "in": "path",
                            "required": True,
                            "schema": {"type": "string"},
                        }
                    ],
                )
            },
            "/v1/chat/completions": {"post": _completion("The next turn of a conversation", chat)},
            "/v1/completions": {"post": _completion("The continuation of a text", completion)},
            "/healthz": {
                "get": {
                    **_operation("Whether the web process answers", _HEALTH, ()),
                    "security": [],
                }
            },
        },
        "components": {
            "schemas": {**components, "Error": _ERROR},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _completion(summary: str, body: Json) -> Json:
    operation = _operation(summary, {"type": "object"}, (400, 401, 404, 413, 429, 500, 503))
    operation["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": body}},
    }
    operation["responses"]["200"]["content"]["text/event-stream"] = {
        "schema": {"type": "string", "description": "With stream: true"}
    }
    return operation


def _operation(
    summary: str,
    schema: Json,
    errors: tuple[int, ...] = (401, 503),
    parameters: list[Json] | None = None,
) -> Json:
    error = {"application/json": {"schema": {"$ref": _REF.format(name="Error")}}}
    return {
        "summary": summary,
        "parameters": parameters or [],
        "responses": {
            "200": {"description": "OK", "content": {"application/json": {"schema": schema}}},
            **{str(status): {"description": "Error", "content": error} for status in errors},
        },
    }


_TEXT: Json = {"type": "string"}
_HEALTH: Json = {"type": "object", "properties": {"status": {"const": "ok"}}}
_MODEL: Json = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {
        "id": _TEXT,
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": _TEXT,
        "name": _TEXT,
        "context_length": {"type": "integer", "description": "The window, in tokens"},
    },
}
_MODELS: Json = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": _MODEL}},
}
_ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": _TEXT,
                "type": _TEXT,
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
