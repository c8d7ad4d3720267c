# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI 3.1 document; request bodies are derived from the types that decode them."""

from typing import Any

import msgspec

from atre_web.chat.document import conversation_paths
from atre_web.models.document import model_paths
from atre_web.openai.embeddings import EmbeddingBody
from atre_web.openai.schema import ChatBody, CompletionBody

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"


def openapi_document() -> Json:
    """The document, as JSON-able values."""
    bodies, components = msgspec.json.schema_components(
        [ChatBody, CompletionBody, EmbeddingBody], ref_template=_REF
    )
    chat, completion, embedding = bodies
    about_models, model_schemas = model_paths(_REF)
    about_talks, talk_schemas = conversation_paths(_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Âtre",
            "version": "1",
            "description": "The OpenAI API of the box, and its models. Send a key as "
            "'Authorization: Bearer …'.",
        },
        "security": [{"key": []}],
        "paths": {
            "/v1/models": {"get": _operation("The models that are loaded", _MODELS)},
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
            "/v1/engine": {"get": _operation("What the engine is doing", _ENGINE)},
            "/v1/chat/completions": {
                "post": _completion("The next turn of a conversation", chat, _CHAT_ANSWER)
            },
            "/v1/completions": {
                "post": _completion("The continuation of a text", completion, _ANSWER)
            },
            "/v1/embeddings": {
                "post": _with_body(
                    _operation("A vector for each text", _EMBEDDINGS, _REFUSALS), embedding
                )
            },
            **about_models,
            **about_talks,
            "/healthz": {
                "get": {
                    **_operation("Whether the web process answers", _HEALTH, ()),
                    "security": [],
                }
            },
        },
        "components": {
            "schemas": {**components, **model_schemas, **talk_schemas, "Error": _ERROR},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                # A session of the panel; __Host-atre over TLS, atre on the box itself.
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-atre"},
            },
        },
    }


def _completion(summary: str, body: Json, answer: Json) -> Json:
    operation = _with_body(_operation(summary, answer, _REFUSALS), body)
    operation["responses"]["200"]["content"]["text/event-stream"] = {
        "schema": {"type": "string", "description": "With stream: true"}
    }
    return operation


def _with_body(operation: Json, body: Json) -> Json:
    content = {"application/json": {"schema": body}}
    return operation | {"requestBody": {"required": True, "content": content}}


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


_REFUSALS = (400, 401, 404, 413, 429, 500, 503)
_TEXT: Json = {"type": "string"}
_USAGE: Json = {
    "type": "object",
    "properties": {
        "energy": {
            "type": "object",
            "description": (
                "What the answer took of the machine's electricity; left out where nobody knows, "
                "and always for embeddings"
            ),
            "required": ["j", "j_idle_share", "basis", "source", "uncertainty"],
            "properties": {
                "j": {"type": "number", "description": "Joules above the machine's idle power"},
                "j_idle_share": {
                    "type": ["number", "null"],
                    "description": "Its part of the idle power while it ran, not in j; null where "
                    "the idle power is not known yet: j may hold some of it then",
                },
                "basis": {
                    "enum": ["plug", "counter", "sensor", "estimate"],
                    "description": "What kind of source the figure comes from, best first",
                },
                "source": {"type": "string", "description": "Where the machine's power is read"},
                "uncertainty": {
                    "type": ["number", "null"],
                    "description": "The part of j that was inferred and not metered, 0 to 1: the "
                    "moment before the end, gaps, and readings that also cover time without work",
                },
            },
        }
    },
}
_ANSWER: Json = {"type": "object", "properties": {"usage": _USAGE}}
_PAGE: Json = {
    "type": "object",
    "required": ["page", "title", "url"],
    "properties": {"page": _TEXT, "title": _TEXT, "url": _TEXT},
}
_CHAT_ANSWER: Json = {
    "type": "object",
    "properties": {
        "usage": _USAGE,
        "choices": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "atre": {
                        "type": "object",
                        "description": (
                            "Only from the factory model, and in a stream only with finish_reason: "
                            "the page of the handbook that the answer was given from, or the pages "
                            "that may be meant where it does not know"
                        ),
                        "required": ["source", "suggestions"],
                        "properties": {
                            "source": {"anyOf": [_PAGE, {"type": "null"}]},
                            "suggestions": {"type": "array", "items": _PAGE},
                        },
                    }
                },
            },
        },
    },
}
_HEALTH: Json = {"type": "object", "properties": {"status": {"const": "ok"}}}
_SLEEP: Json = {
    "state": {"enum": ["loaded", "asleep", "waking"]},
    "asleep_since": {"type": "integer", "description": "Unix time; the next request loads it"},
    "loaded_fraction": {"type": "number", "description": "From 0 to 1, while it wakes up"},
}
_ADAPTER: Json = {
    "type": "object",
    "required": ["name", "scale"],
    "properties": {"name": _TEXT, "scale": {"type": "number"}},
}
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
        "size_bytes": {"type": "integer", "description": "Of the weights, where it chats"},
        "adapters": {"type": "array", "items": _ADAPTER, "description": "On every answer"},
        **_SLEEP,
        "embedding_dimensions": {
            "type": "integer",
            "description": "Of an embedding model: how many numbers its vectors have",
        },
    },
}
_MODELS: Json = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": _MODEL}},
}
_COUNT: Json = {"type": "integer", "minimum": 0}
_SECONDS: Json = {"type": "number", "description": "Seconds, in all"}
_TURN: Json = {
    "type": "object",
    "description": "Steps that computed the next tokens of num_streams answers",
    "required": ["num_streams", "count", "total_s", "outside_s"],
    "properties": {
        "num_streams": _COUNT,
        "count": _COUNT,
        "total_s": _SECONDS,
        "outside_s": _SECONDS | {"description": "Those outside the model, in all"},
    },
}
_ENGINE: Json = {
    "type": "object",
    "required": ["object", "model", "slots", "running", "waiting", "turns"],
    "properties": {
        "object": {"const": "engine"},
        "model": _TEXT,
        **_SLEEP,
        "device": _TEXT,
        "threads": _COUNT,
        "slots": {"type": "integer", "description": "Answers that can run at once"},
        "running": _COUNT,
        "waiting": _COUNT,
        "queue_limit": _COUNT,
        "kv_cells": {"type": "object", "properties": {"used": _COUNT, "total": _COUNT}},
        "snapshot_bytes": {"type": "integer", "description": "RAM for what ended answers held"},
        "decode_tokens_per_s": {"type": "number"},
        "prefill_tokens_per_s": {"type": "number"},
        "requests": _COUNT,
        "completion_tokens": _COUNT,
        "turns": {"type": "array", "items": _TURN},
    },
}
_EMBEDDINGS: Json = {
    "type": "object",
    "required": ["object", "data", "model", "usage"],
    "properties": {
        "object": {"const": "list"},
        "model": _TEXT,
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["object", "index", "embedding"],
                "properties": {
                    "object": {"const": "embedding"},
                    "index": {"type": "integer"},
                    "embedding": {
                        "description": "base64: float32, little-endian",
                        "anyOf": [{"type": "array", "items": {"type": "number"}}, _TEXT],
                    },
                },
            },
        },
        "usage": {
            "type": "object",
            "required": ["prompt_tokens", "total_tokens"],
            "properties": {
                "prompt_tokens": {"type": "integer"},
                "total_tokens": {"type": "integer"},
            },
        },
    },
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
