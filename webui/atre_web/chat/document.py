# SPDX-License-Identifier: Apache-2.0
"""The part of the OpenAPI document that is about conversations; a session opens it, no key."""

from typing import Any

import msgspec

from atre_web.chat.schema import AnswerBody, ChangeBody, QuestionBody

Json = dict[str, Any]

_ROOT = "/api/panel/conversations"
_ONE = f"{_ROOT}/{{conversation_id}}"
_ANSWER = f"{_ONE}/answers/{{answer_id}}"
_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer"}
_ENTRY: Json = {
    "type": "object",
    "required": ["id", "title", "created_at", "changed_at"],
    "properties": {
        "id": _TEXT,
        "title": _TEXT,
        "created_at": {"type": "number", "description": "Unix time"},
        "changed_at": {"type": "number", "description": "Unix time"},
    },
}
_LIST: Json = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "array", "items": {"type": "object"}}},
}
_CONVERSATION: Json = {
    "type": "object",
    "required": [*_ENTRY["required"], "messages"],
    "properties": {
        **_ENTRY["properties"],
        "shown_id": {"type": ["integer", "null"], "description": "The tip of the branch shown"},
        "num_earlier": {"type": "integer", "description": "Messages before these; ?all=1"},
        "messages": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "role", "state", "text"],
                "properties": {
                    "id": _COUNT,
                    "parent_id": {"type": ["integer", "null"]},
                    "role": {"enum": ["user", "assistant"]},
                    "state": {"enum": ["running", "done", "stopped", "interrupted", "failed"]},
                    "text": _TEXT,
                },
            },
        },
    },
}


def conversation_paths(ref_template: str) -> tuple[Json, Json]:
    """The paths, and the schemas of their bodies."""
    bodies, components = msgspec.json.schema_components(
        [QuestionBody, AnswerBody, ChangeBody], ref_template=ref_template
    )
    question, again, change = bodies
    paths = {
        _ROOT: {
            "get": _operation("One's own conversations", _LIST, query=("q", "skip")),
            "post": _operation("Begin one with a question", _CONVERSATION, 201, question),
        },
        _ONE: {
            "get": _operation("A conversation", _CONVERSATION, query=("all",)),
            "patch": _operation("Rename it, or show a branch", _CONVERSATION, body=change),
            "delete": _operation("Delete it for good", None, 204),
        },
        f"{_ONE}/questions": {
            "post": _operation("Ask the next question", _CONVERSATION, 201, question)
        },
        f"{_ONE}/answers": {
            "post": _operation("Have a question answered again", _CONVERSATION, 201, again)
        },
        f"{_ANSWER}/stop": {"post": _operation("End an answer", None, 204)},
        f"{_ANSWER}/events": {
            "get": _operation("An answer as it is written", _TEXT, kind="text/event-stream")
        },
        "/api/panel/prompts": {"get": _operation("Prompts one may use", _LIST)},
        "/api/panel/attachments": {
            "post": _operation("The text of a file", {"type": "object"}, query=("name",))
            | {"requestBody": {"required": True, "content": {"application/octet-stream": {}}}}
        },
    }
    for path, operations in paths.items():
        for operation in operations.values():
            operation["parameters"] += [
                {
                    "name": name,
                    "in": "path",
                    "required": True,
                    "schema": _COUNT if name == "answer_id" else _TEXT,
                }
                for name in ("conversation_id", "answer_id")
                if f"{{{name}}}" in path
            ]
    return paths, components


def _operation(
    summary: str,
    schema: Json | None,
    status: int = 200,
    body: Json | None = None,
    *,
    query: tuple[str, ...] = (),
    kind: str = "application/json",
) -> Json:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    done: Json = {"description": "Done"}
    if schema is not None:
        done["content"] = {kind: {"schema": schema}}
    operation: Json = {
        "summary": summary,
        "security": [{"session": []}],
        "parameters": [{"name": name, "in": "query", "schema": _TEXT} for name in query],
        "responses": {
            str(status): done,
            **{
                str(each): {"description": "Error", "content": error}
                for each in (400, 401, 403, 404, 409, 413)
            },
        },
    }
    if body is not None:
        content = {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation
