# SPDX-License-Identifier: Apache-2.0
import contextlib
from collections.abc import Callable

from flask import Blueprint, Response, current_app, jsonify, request

from atre.errors import EngineError, ModelNotFoundError
from atre.ipc.client import EngineClient
from atre.ipc.embedder_client import EmbedderClient
from atre.ipc.messages import EmbedderDescription, EngineDescription, Priority
from atre_web.accounts import current
from atre_web.accounts.quotas import payer
from atre_web.body_limit import read_body
from atre_web.openai import chat
from atre_web.openai.answer import Events, streamed_answer, whole_answer
from atre_web.openai.document import openapi_document
from atre_web.openai.embeddings import EmbeddingBody, embedding_answer, embedding_request
from atre_web.openai.interruption import Interruption
from atre_web.openai.relay import Relay
from atre_web.openai.request import completion_requests
from atre_web.openai.schema import ChatBody, CompletionBody, SamplingBody, decode_body
from atre_web.openai.shape import ChatShape, CompletionShape, Shape
from atre_web.openai.stream import Wishes

blueprint = Blueprint("openai", __name__)


@blueprint.get("/v1/models")
def list_models() -> Response:
    """The models that can be used now, perhaps none."""
    models = []
    for describe in _describers():
        with contextlib.suppress(EngineError):
            models.append(_model_object(describe()))
    return jsonify({"object": "list", "data": models})


@blueprint.get("/v1/models/<path:model>")
def show_model(model: str) -> Response:
    """One model. Raises ModelNotFoundError for any but the loaded ones."""
    names, unavailable = [], None
    for describe in _describers():
        try:
            description = describe()
        except EngineError as error:
            unavailable = error
            continue
        if model == description.model:
            return jsonify(_model_object(description))
        names.append(repr(description.model))
    if unavailable:
        raise unavailable
    raise ModelNotFoundError(
        f"The model {model[:200]!r} is not on this box. Use {' or '.join(names)}.", param="model"
    )


@blueprint.get("/v1/engine")
def show_engine() -> Response:
    """What the engine is doing, beyond OpenAI's API. Raises EngineError while it cannot answer."""
    return jsonify(_engine_object(_engine().describe()))


@blueprint.post("/v1/chat/completions")
def chat_completions() -> Response:
    """The assistant's next turn in a conversation."""
    body = decode_body(read_body(), ChatBody)
    relay = chat.begin(body, _interruption())
    return _answer(body, relay, ChatShape(), num_prompts=1)


@blueprint.post("/v1/completions")
def completions() -> Response:
    """The continuation of a text."""
    body = decode_body(read_body(), CompletionBody)
    requests = completion_requests(body, user=_user(), priority=_priority())
    meter = current.meter(choices=body.n or 1)
    relay = Relay(_engine(), requests, _interruption(), meter=meter)
    return _answer(body, relay, CompletionShape(), num_prompts=len(requests) // (body.n or 1))


@blueprint.post("/v1/embeddings")
def embeddings() -> Response:
    """One vector for each input. Raises ModelNotFoundError on a box without embedding model."""
    body = decode_body(read_body(), EmbeddingBody)
    embedder = _embedder()
    if embedder is None:
        raise ModelNotFoundError(
            "This box has no embedding model. Start it with atre serve --embedding-model FILE.",
            param="model",
        )
    job = embedding_request(body, user=_user())
    with contextlib.closing(current.meter()) as meter:
        return embedding_answer(
            embedder,
            job,
            _interruption(),
            meter=meter,
            as_base64=body.encoding_format == "base64",
        )


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI 3.1 document of these routes."""
    return jsonify(openapi_document())


@blueprint.get("/healthz")
def health() -> Response:
    """Whether this process answers; open to everybody, so it says no more."""
    return jsonify({"status": "ok"})


def _answer(body: SamplingBody, relay: Events, shape: Shape, *, num_prompts: int) -> Response:
    options = body.stream_options
    wishes = Wishes(
        include_usage=bool(options and options.include_usage),
        return_progress=bool(body.return_progress),
        num_choices=num_prompts * (body.n or 1),
        num_prompts=num_prompts,
    )
    answer = streamed_answer if body.stream else whole_answer
    return answer(relay, shape, wishes)


def _engine() -> EngineClient:
    engine: EngineClient = current_app.extensions["atre.engine"]
    return engine


def _embedder() -> EmbedderClient | None:
    embedder: EmbedderClient | None = current_app.extensions["atre.embedder"]
    return embedder


def _describers() -> list[Callable[[], EngineDescription | EmbedderDescription]]:
    embedder = _embedder()
    return [_engine().describe, *([embedder.describe] if embedder else [])]


def _interruption() -> Interruption:
    """What may end this request's answer; nothing outside gunicorn."""
    connection = request.environ.get("gunicorn.socket")
    return Interruption(
        client_fd=connection.fileno() if connection else None,
        closing_fd=request.environ.get("atre.ipc.closing"),
    )


def _user() -> str:
    return payer(current.principal())


def _priority() -> Priority:
    return Priority.CHAT if current.principal().kind == "session" else Priority.API


def _engine_object(description: EngineDescription) -> dict[str, object]:
    """Sums count since the model was loaded; speeds are means over the last minute."""
    return {
        "object": "engine",
        "model": description.model,
        **_sleep_object(description),
        "device": description.device,
        "threads": description.threads,
        "slots": description.num_slots,
        "running": description.num_running,
        "waiting": description.num_waiting,
        "queue_limit": description.queue_limit,
        "kv_cells": {"used": description.kv_cells_used, "total": description.kv_cells_total},
        "snapshot_bytes": description.snapshot_bytes,
        "decode_tokens_per_s": description.decode_tokens_per_s,
        "prefill_tokens_per_s": description.prefill_tokens_per_s,
        "requests": description.requests_total,
        "completion_tokens": description.completion_tokens_total,
        "turns": [
            {
                "num_streams": turn.num_streams,
                "count": turn.count,
                "total_s": turn.total_s,
                "outside_s": turn.outside_s,
            }
            for turn in description.turns
        ],
    }


def _model_object(description: EngineDescription | EmbedderDescription) -> dict[str, object]:
    model: dict[str, object] = {
        "id": description.model,
        "object": "model",
        "created": int(description.started_at),
        "owned_by": "atre",
        "name": description.name,
    }
    if isinstance(description, EmbedderDescription):
        window, dimensions = description.max_input_tokens, description.dimensions
        return model | {"context_length": window, "embedding_dimensions": dimensions}
    adapters = [{"name": each.name, "scale": each.scale} for each in description.adapters]
    return model | {
        "context_length": description.n_ctx,
        "size_bytes": description.size_bytes,
        "adapters": adapters,
        **_sleep_object(description),
    }


def _sleep_object(description: EngineDescription) -> dict[str, object]:
    """Whether the model is in memory; one that is asleep is loaded by the next request."""
    if description.asleep_since is None:
        return {"state": "loaded"}
    if description.waking is not None:
        return {"state": "waking", "loaded_fraction": description.waking}
    return {"state": "asleep", "asleep_since": int(description.asleep_since)}
