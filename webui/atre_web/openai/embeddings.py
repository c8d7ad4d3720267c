# SPDX-License-Identifier: Apache-2.0
"""POST /v1/embeddings: from a body to one job of the embedding model, and from its vectors back."""

import base64
import select
import struct
from typing import Annotated, Any, Literal

import msgspec
from flask import Response
from msgspec import Meta

from atre.errors import InvalidRequestError
from atre.ipc.embedder_client import EmbedderClient, Embedding
from atre.ipc.messages import MAX_INPUTS, Embed, Embedded
from atre_web.accounts.meter import Meter
from atre_web.openai.interruption import Interruption
from atre_web.openai.standing import Standing

_TOKEN_RANGE = 2**31  # llama.cpp numbers tokens with 32 bits, signed


class EmbeddingBody(msgspec.Struct, kw_only=True):
    """POST /v1/embeddings. ``tokenizer`` is an extension: whose token numbers ``input`` holds."""

    input: Annotated[
        str | list[Any],
        Meta(description="A text, a list of texts, a list of token numbers or a list of those"),
    ]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=2**31)] | None = None
    tokenizer: str | None = None


def embedding_request(body: EmbeddingBody, *, user: str) -> Embed:
    """The job that a body asks for. Raises InvalidRequestError that names the field at fault."""
    inputs = _inputs(body.input)
    _check_each(inputs)
    is_text = isinstance(inputs[0], str)
    return Embed(
        texts=inputs if is_text else [],
        tokens=[] if is_text else inputs,
        model=body.model,
        tokenizer=body.tokenizer,
        dimensions=body.dimensions,
        user=user,
    )


def embedding_answer(
    client: EmbedderClient,
    request: Embed,
    interruption: Interruption,
    *,
    meter: Meter,
    as_base64: bool,
) -> Response:
    """Wait for every vector, then answer once.

    Raises ClientGoneError if nobody waits any more, EngineUnavailableError when the box stops,
    ForbiddenError when the caller's account or key is closed, and the embedder's error if it
    refuses.
    """
    with client.embed(request) as embedding:
        vectors, end = _collect(embedding, interruption, Standing(meter.check), as_base64=as_base64)
    meter.count_prompt(end.prompt_tokens)
    answer = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vectors[index]}
            for index in sorted(vectors)
        ],
        "model": end.model,
        "usage": {"prompt_tokens": end.prompt_tokens, "total_tokens": end.prompt_tokens},
    }
    return Response(msgspec.json.encode(answer), mimetype="application/json")


def _inputs(value: str | list[Any]) -> list[Any]:
    """All inputs as a list of texts or a list of lists."""
    if isinstance(value, str) or (value and _is_number(value[0])):
        return [value]
    if not value:
        raise InvalidRequestError("input is empty; send at least one text.", param="input")
    if len(value) > MAX_INPUTS:
        raise InvalidRequestError(
            f"input has {len(value)} entries; at most {MAX_INPUTS} are allowed. Send several "
            "requests.",
            param="input",
        )
    return value


def _check_each(inputs: list[Any]) -> None:
    kind = str if isinstance(inputs[0], str) else list
    for index, each in enumerate(inputs):
        where = f"input[{index}]"
        if not isinstance(each, kind) or not isinstance(each, str | list):
            raise InvalidRequestError(
                f"{where} is not as expected: input must be a text, a list of texts, a list of "
                "token numbers or a list of those.",
                param=where,
            )
        if not each:
            raise InvalidRequestError(f"{where} is empty; send a text.", param=where)
        if isinstance(each, list) and not all(_is_token(item) for item in each):
            raise InvalidRequestError(f"{where} holds something else than tokens.", param=where)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_token(value: Any) -> bool:
    return type(value) is int and 0 <= value < _TOKEN_RANGE


def _collect(
    embedding: Embedding, interruption: Interruption, standing: Standing, *, as_base64: bool
) -> tuple[dict[int, msgspec.Raw], Embedded]:
    vectors: dict[int, msgspec.Raw] = {}
    poll = select.poll()
    poll.register(embedding.fileno(), select.POLLIN)
    interruption.register(poll)
    while True:
        ready = dict(poll.poll(standing.wait_s() * 1000))
        interruption.check(ready)
        standing.check()
        if embedding.fileno() not in ready:
            continue
        for event in embedding.read():
            if isinstance(event, Embedded):
                return vectors, event
            vectors[event.index] = _worded(event.data, as_base64=as_base64)


def _worded(vector: bytes, *, as_base64: bool) -> msgspec.Raw:
    """The vector as JSON: as text it takes a fraction of what Python's numbers would."""
    if as_base64:
        return msgspec.Raw(msgspec.json.encode(base64.b64encode(vector).decode("ascii")))
    return msgspec.Raw(msgspec.json.encode(struct.unpack(f"<{len(vector) // 4}f", vector)))
