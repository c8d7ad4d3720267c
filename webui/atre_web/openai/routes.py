# SPDX-License-Identifier: Apache-2.0
from flask import Blueprint, Response, current_app, jsonify, request

from atre.errors import EngineError, ModelNotFoundError
from atre.ipc.client import EngineClient
from atre.ipc.messages import EngineDescription, Generate, Priority
from atre_web.accounts import current
from atre_web.body_limit import read_body
from atre_web.openai.answer import streamed_answer, whole_answer
from atre_web.openai.document import openapi_document
from atre_web.openai.relay import Relay
from atre_web.openai.request import chat_requests, completion_requests
from atre_web.openai.schema import ChatBody, CompletionBody, SamplingBody, decode_body
from atre_web.openai.shape import ChatShape, CompletionShape, Shape
from atre_web.openai.stream import Wishes

blueprint = Blueprint("openai", __name__)


@blueprint.get("/v1/models")
def list_models() -> Response:
    """The loaded model, or an empty list while there is none."""
    try:
        models = [_model_object(_engine().describe())]
    except EngineError:
        models = []
    return jsonify({"object": "list", "data": models})


@blueprint.get("/v1/models/<path:model>")
def show_model(model: str) -> Response:
    """One model. Raises ModelNotFoundError for any but the loaded one."""
    description = _engine().describe()
    if model != description.model:
        raise ModelNotFoundError(
            f"The model {model[:200]!r} is not on this box. Use {description.model!r}.",
            param="model",
        )
    return jsonify(_model_object(description))


@blueprint.post("/v1/chat/completions")
def chat_completions() -> Response:
    """The assistant's next turn in a conversation."""
    body = decode_body(read_body(), ChatBody)
    requests = chat_requests(body, user=_user(), priority=_priority())
    return _answer(body, requests, ChatShape())


@blueprint.post("/v1/completions")
def completions() -> Response:
    """The continuation of a text."""
    body = decode_body(read_body(), CompletionBody)
    requests = completion_requests(body, user=_user(), priority=_priority())
    return _answer(body, requests, CompletionShape())


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI 3.1 document of these routes."""
    return jsonify(openapi_document())


@blueprint.get("/healthz")
def health() -> Response:
    """Whether this process answers; open to everybody, so it says no more."""
    return jsonify({"status": "ok"})


def _answer(body: SamplingBody, requests: list[Generate], shape: Shape) -> Response:
    relay = Relay(_engine(), requests, _client_fd())
    options = body.stream_options
    wishes = Wishes(
        include_usage=bool(options and options.include_usage),
        return_progress=bool(body.return_progress),
        num_choices=len(requests),
        num_prompts=len(requests) // (body.n or 1),
    )
    answer = streamed_answer if body.stream else whole_answer
    return answer(relay, shape, wishes)


def _engine() -> EngineClient:
    engine: EngineClient = current_app.extensions["atre.engine"]
    return engine


def _client_fd() -> int | None:
    """The client's socket under gunicorn, whose closing ends the generation."""
    connection = request.environ.get("gunicorn.socket")
    return connection.fileno() if connection else None


def _user() -> str:
    principal = current.principal()
    return f"{principal.kind}:{principal.id}"


def _priority() -> Priority:
    return Priority.CHAT if current.principal().kind == "session" else Priority.API


def _model_object(description: EngineDescription) -> dict[str, object]:
    return {
        "id": description.model,
        "object": "model",
        "created": int(description.started_at),
        "owned_by": "atre",
        "name": description.name,
        "context_length": description.n_ctx,
    }
