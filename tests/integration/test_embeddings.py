# SPDX-License-Identifier: Apache-2.0
"""POST /v1/embeddings of a real box, by OpenAI's own client and by hand."""

import base64
import json
import math
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import openai
import pytest

from atre.ipc.embedder_client import EmbedderClient
from atre.ipc.messages import EmbedderDescription

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.caller import Call, Caller
    from tests.integration.conftest import CallerMaker, OutsiderMaker
    from tests.integration.running_box import RunningBox

PATH = "/v1/embeddings"
MODEL = "slow-bert"
WINDOW, DIMENSIONS = 512, 128
TIMEOUT_S = 60.0
LONG_JOB = ["abcde " * 90] * 150  # a step an input
TEXTS = ["bonjour", "un chien", "deux chats et trois souris", "x"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, bert_model: ModuleType) -> Path:
    """An embedding model that needs some 20 ms for its whole window."""
    path: Path = tmp_path_factory.mktemp("embedding") / f"{MODEL}.gguf"
    bert_model.write_bert(path, window=WINDOW, dimensions=DIMENSIONS, blocks=4)
    return path


@pytest.fixture(scope="module")
def embedding_box(
    tmp_path_factory: pytest.TempPathFactory,
    running_box: ModuleType,
    four_slots: list[str],
    model: Path,
) -> "Iterator[RunningBox]":
    made: RunningBox = running_box.RunningBox(
        tmp_path_factory.mktemp("embedding-box"), *four_slots, "--embedding-model", str(model)
    )
    with ExitStack() as stack:
        stack.callback(made.clean_up)
        made.start()
        yield made


@pytest.fixture(scope="module")
def caller(embedding_box: "RunningBox", make_caller: "CallerMaker") -> "Caller":
    return make_caller(embedding_box, embedding_box.key)


@pytest.fixture(scope="module")
def outsider(embedding_box: "RunningBox", make_outsider: "OutsiderMaker") -> openai.OpenAI:
    """OpenAI's client as people make it."""
    return make_outsider(embedding_box, strict=False)


@pytest.fixture(scope="module")
def strict(embedding_box: "RunningBox", make_outsider: "OutsiderMaker") -> openai.OpenAI:
    """The same, checking every answer against its types, which know no base64.

    It asks for base64 by default and decodes it only after that check.
    """
    return make_outsider(embedding_box)


def embedder(box: "RunningBox") -> EmbedderClient:
    return EmbedderClient(box.runtime_dir / "embedder.sock")


def wait_for(box: "RunningBox", is_so: "Callable[[EmbedderDescription], bool]") -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not is_so(said := embedder(box).describe()):
        assert time.monotonic() < deadline_s, said
        time.sleep(0.01)


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_openais_client_gets_vectors_with_its_default_settings(outsider: openai.OpenAI) -> None:
    answer = outsider.embeddings.create(model=MODEL, input=TEXTS)
    assert answer.model == MODEL
    assert [each.index for each in answer.data] == [0, 1, 2, 3]
    for each in answer.data:
        assert len(each.embedding) == DIMENSIONS
        assert math.isclose(likeness(each.embedding, each.embedding), 1.0, abs_tol=1e-5)
    num_tokens = sum(len(text.replace(" ", "")) + 2 for text in TEXTS)  # a letter is a token
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == num_tokens


def test_a_text_has_the_same_vector_alone_and_in_both_formats(
    outsider: openai.OpenAI, strict: openai.OpenAI, caller: "Caller"
) -> None:
    together = strict.embeddings.create(model=MODEL, input=TEXTS, encoding_format="float")
    for text, expected in zip(TEXTS, together.data, strict=True):
        (numbers,) = strict.embeddings.create(model=MODEL, input=text, encoding_format="float").data
        (decoded,) = outsider.embeddings.create(model=MODEL, input=text).data
        with caller.post(PATH, {"input": text, "encoding_format": "base64"}) as answered:
            packed = base64.b64decode(answered.json()["data"][0]["embedding"])
        for vector in (numbers.embedding, decoded.embedding, struct.unpack("<128f", packed)):
            assert likeness(list(vector), expected.embedding) > 0.9999


def test_fewer_dimensions_are_the_first_ones_at_unit_length(
    outsider: openai.OpenAI, strict: openai.OpenAI
) -> None:
    def one(client: openai.OpenAI, **wishes: Any) -> list[float]:
        (found,) = client.embeddings.create(model=MODEL, input="bonjour", **wishes).data
        return found.embedding

    whole = one(strict, encoding_format="float")
    length = math.sqrt(likeness(whole[:16], whole[:16]))
    for short in (
        one(outsider, dimensions=16),
        one(strict, dimensions=16, encoding_format="float"),
    ):
        assert len(short) == 16
        for got, full in zip(short, whole, strict=False):
            assert math.isclose(got, full / length, abs_tol=1e-5)


def test_the_default_format_is_what_the_client_expects_once_decoded(
    outsider: openai.OpenAI,
) -> None:
    raw = outsider.embeddings.with_raw_response.create(model=MODEL, input=TEXTS)
    content = json.loads(raw.content)
    for each in content["data"]:
        each["embedding"] = struct.unpack("<128f", base64.b64decode(each["embedding"]))
    checked = openai.types.CreateEmbeddingResponse.model_validate(content)
    assert [each.index for each in checked.data] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("wish", "kind", "param"),
    [
        ({"input": ""}, openai.BadRequestError, "input[0]"),
        ({"dimensions": DIMENSIONS + 1}, openai.BadRequestError, "dimensions"),
        ({"model": "gpt-5"}, openai.NotFoundError, "model"),
    ],
)
def test_a_refusal_is_the_clients_own_exception(
    strict: openai.OpenAI, wish: dict[str, Any], kind: type[openai.APIStatusError], param: str
) -> None:
    asked: dict[str, Any] = {"model": MODEL, "input": "bonjour"} | wish
    with pytest.raises(kind) as refused:
        strict.embeddings.create(**asked)
    assert refused.value.param == param


def test_both_models_are_listed(strict: openai.OpenAI, caller: "Caller") -> None:
    assert [each.id for each in strict.models.list()] == ["factory", MODEL]
    assert strict.models.retrieve(MODEL).owned_by == "atre"
    with caller.get(f"/v1/models/{MODEL}") as answered:
        shown = answered.json()
    assert (shown["context_length"], shown["embedding_dimensions"]) == (WINDOW, DIMENSIONS)
    with caller.get("/v1/models/gpt-5") as refused:
        assert refused.status == 404
        assert f"'factory' or '{MODEL}'" in refused.error()["message"]


def test_the_ready_file_and_the_panel_name_the_model(
    embedding_box: "RunningBox", caller: "Caller"
) -> None:
    ready = embedding_box.ready
    assert (ready["embedding_model"], ready["embedding_dimensions"]) == (MODEL, DIMENSIONS)
    with caller.get("/api/panel/status.json") as answered:
        fields = answered.json()["fields"]
    assert (fields["embedder_id"], fields["dimensions"]) == (MODEL, str(DIMENSIONS))


def test_langchains_default_is_refused_with_the_option_to_change(outsider: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
        outsider.embeddings.create(model=MODEL, input=[[15339, 1917], [9906]])


def test_the_models_own_tokens_are_taken(caller: "Caller", bert_model: ModuleType) -> None:
    names = ["[CLS]", "\u2581l", "e", "[SEP]"]
    tokens = [bert_model.TOKENS.index(name) for name in names]
    vectors = []
    for fields in (
        {"input": "le"},
        {"input": tokens, "tokenizer": MODEL},
        {"input": [tokens], "tokenizer": MODEL},
    ):
        with caller.post(PATH, fields) as answered:
            assert answered.status == 200
            vectors.append(answered.json()["data"][0]["embedding"])
    assert likeness(vectors[0], vectors[1]) > 0.9999
    assert vectors[1] == vectors[2]


BAD: list[tuple[str, Any, str | None]] = [
    ("no body", b"", None),
    ("cut JSON", b'{"input": "a', None),
    ("deep nesting", b'{"input": ' + b"[" * 200_000, None),
    ("no input", {}, None),
    ("input null", {"input": None}, "input"),
    ("input an object", {"input": {}}, "input"),
    ("input a number", {"input": 5}, "input"),
    ("input empty", {"input": ""}, "input[0]"),
    ("no inputs", {"input": []}, "input"),
    ("one of them empty", {"input": ["a", ""]}, "input[1]"),
    ("one of them a number", {"input": ["a", 5]}, "input[1]"),
    ("one of them null", {"input": ["a", None]}, "input[1]"),
    ("one of them a list", {"input": ["a", [5]]}, "input[1]"),
    ("true", {"input": [True]}, "input[0]"),
    ("half a token", {"input": [1.5]}, "input[0]"),
    ("a negative token", {"input": [-1]}, "input[0]"),
    ("a token beyond 32 bits", {"input": [2**31]}, "input[0]"),
    ("no tokens", {"input": [[]]}, "input[0]"),
    ("a token of no vocabulary", {"input": [10**6], "tokenizer": MODEL}, "input[0]"),
    ("tokens of nobody", {"input": [1, 2]}, "input"),
    ("tokens of another model", {"input": [1, 2], "tokenizer": "gpt-4"}, "input"),
    ("too many inputs", {"input": ["a"] * 2049}, "input"),
    ("too many tokens", {"input": ["a" * 500] * 700}, "input"),
    ("half a surrogate pair", b'{"input": "\\ud83d"}', None),
    ("an unknown format", {"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ("no dimensions", {"input": "a", "dimensions": 0}, "dimensions"),
    ("negative dimensions", {"input": "a", "dimensions": -1}, "dimensions"),
    ("more dimensions", {"input": "a", "dimensions": DIMENSIONS + 1}, "dimensions"),
    ("very many dimensions", {"input": "a", "dimensions": 10**30}, "dimensions"),
    ("dimensions a text", {"input": "a", "dimensions": "8"}, "dimensions"),
    ("model a number", {"input": "a", "model": 5}, "model"),
]


@pytest.mark.parametrize(("body", "param"), [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_bad_input_is_refused_with_its_field(
    caller: "Caller", body: Any, param: str | None
) -> None:
    with caller.post(PATH, body) as refused:
        assert refused.status == 400
        error = refused.error()
    assert error["type"] == "invalid_request_error"
    if param is not None:
        assert error["param"] == param
        assert param.partition("[")[0] in error["message"]


def test_unknown_models_are_not_found(caller: "Caller") -> None:
    with caller.post(PATH, {"input": "a", "model": "text-embedding-3-small"}) as refused:
        assert refused.status == 404
        error = refused.error()
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert f"'{MODEL}'" in error["message"]


def test_an_input_that_is_too_long_is_never_cut(caller: "Caller") -> None:
    with caller.post(PATH, {"input": ["a", "a" * (WINDOW - 1)]}) as refused:
        assert refused.status == 400
        error = refused.error()
    assert (error["code"], error["param"]) == ("context_length_exceeded", "input[1]")
    assert (error["n_prompt_tokens"], error["n_ctx"]) == (WINDOW + 1, WINDOW)
    with caller.post(PATH, {"input": "a" * (WINDOW - 2)}) as answered:
        assert answered.status == 200
        assert answered.json()["usage"]["total_tokens"] == WINDOW


def test_the_largest_number_of_inputs_is_answered_in_order(caller: "Caller") -> None:
    texts = [f"{number}" for number in range(2048)]
    with caller.post(PATH, {"input": texts, "user": 5}) as answered:
        assert answered.status == 200
        data = answered.json()["data"]
    assert [each["index"] for each in data] == list(range(2048))
    with caller.post(PATH, {"input": texts[1234]}) as answered:
        (alone,) = answered.json()["data"]
    assert likeness(alone["embedding"], data[1234]["embedding"]) > 0.9999


def test_what_the_document_requires_is_enough(caller: "Caller") -> None:
    with caller.get("/openapi.json") as answered:
        document = answered.json()
    operation = document["paths"][PATH]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    body = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    assert body["required"] == ["input"]
    with caller.post(PATH, {"input": "a"}) as answered:
        assert answered.status == 200


def test_a_chat_goes_on_beside_a_long_job(
    embedding_box: "RunningBox", caller: "Caller", no_end: dict[str, int]
) -> None:
    with caller.post(PATH, {"input": LONG_JOB}) as job:
        wait_for(embedding_box, lambda said: said.num_open == 1)
        started = embedder(embedding_box).describe().inputs_total
        with caller.completion(max_tokens=900, stream=True, logit_bias=no_end) as chat:
            events = chat.events()
            while embedder(embedding_box).describe().inputs_total < started + 2:
                next(events)  # the chat has not ended
            assert embedder(embedding_box).describe().num_open == 1, "the job ended too early"
            *_, last = events
            assert last == "[DONE]"
        assert job.status == 200
        assert len(job.json()["data"]) == len(LONG_JOB)


def test_chats_come_first_where_cores_are_few(embedding_box: "RunningBox") -> None:
    chats, vectors = (
        embedding_box.child(f"atre.{name}.process").nice() for name in ("engine", "embedder")
    )
    assert int(vectors or 0) > int(chats or 0)


def test_a_short_request_of_a_colleague_passes_a_long_job(
    embedding_box: "RunningBox", caller: "Caller"
) -> None:
    colleague = embedding_box.first_key
    assert colleague
    with caller.post(PATH, {"input": LONG_JOB}) as job:
        wait_for(embedding_box, lambda said: said.num_open == 1)
        short: Caller = type(caller)(caller._connect, colleague)
        with short.post(PATH, {"input": "bonjour"}) as answered:
            assert answered.status == 200
            assert embedder(embedding_box).describe().num_open == 1
        assert job.status == 200


def test_a_departed_client_is_not_computed_for(
    embedding_box: "RunningBox", caller: "Caller"
) -> None:
    before = embedder(embedding_box).describe().inputs_total
    job = caller.post(PATH, {"input": LONG_JOB})
    wait_for(embedding_box, lambda said: said.inputs_total > before)
    job.close()
    wait_for(embedding_box, lambda said: said.num_open == 0)
    assert embedder(embedding_box).describe().inputs_total - before < len(LONG_JOB)


def test_killing_the_embedder_harms_no_chat_and_it_comes_back(
    embedding_box: "RunningBox", caller: "Caller", no_end: dict[str, int]
) -> None:
    with (
        caller.completion(max_tokens=900, stream=True, logit_bias=no_end) as chat,
        caller.post(PATH, {"input": LONG_JOB}) as job,
    ):
        events = chat.events()
        next(events)
        wait_for(embedding_box, lambda said: said.num_open == 1)
        embedding_box.child("atre.embedder.process").kill()
        check_lost(job)
        *_, last = events
        assert last == "[DONE]"
    deadline_s = time.monotonic() + TIMEOUT_S
    while True:
        with caller.post(PATH, {"input": "bonjour"}) as answered:
            if answered.status == 200:
                break
            check_lost(answered)
        assert time.monotonic() < deadline_s, embedding_box.log()


def check_lost(call: "Call") -> None:
    assert call.status == 503
    assert int(call.response.headers["Retry-After"]) <= 10
    error = call.error()
    assert error["code"] == "engine_unavailable"
    assert "embedding model" in error["message"]
