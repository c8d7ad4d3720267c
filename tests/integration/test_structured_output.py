# SPDX-License-Identifier: Apache-2.0
"""Answers held to a form, on a real box: the factory model obeys whatever it would rather say."""

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from tests.integration.caller import Caller
    from tests.integration.conftest import OutsiderMaker
    from tests.integration.running_box import RunningBox

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "Comment connecter un téléphone à la boîte ?"}
]
MODEL = "factory"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "titre": {"type": "string", "maxLength": 30},
        "note": {"type": "integer", "minimum": 0, "maximum": 20},
        "ton": {"enum": ["poli", "sec"]},
        "mots": {"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 3},
    },
    "required": ["titre", "note", "ton"],
    "additionalProperties": False,
}


class Visit(BaseModel):
    """What the client's own types turn into a schema."""

    city: str = Field(max_length=20)
    days: int


@pytest.fixture(scope="module")
def outsider(box: "RunningBox", make_outsider: "OutsiderMaker") -> openai.OpenAI:
    return make_outsider(box)


def json_schema(schema: object) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def choices(client: "Caller", **wishes: Any) -> list[dict[str, Any]]:
    with client.chat(**wishes) as call:
        found: list[dict[str, Any]] = call.json()["choices"]
    return found


def streamed(client: "Caller", **wishes: Any) -> list[dict[str, Any]]:
    with client.chat(stream=True, **wishes) as call:
        events = [event for event in call.events() if isinstance(event, dict)]
    return [choice for event in events for choice in event["choices"]]


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_an_answer_satisfies_its_schema(client: "Caller", temperature: float) -> None:
    (choice,) = choices(
        client,
        temperature=temperature,
        seed=3,
        max_tokens=400,
        response_format=json_schema(SCHEMA),
    )
    assert choice["finish_reason"] == "stop"
    jsonschema.validate(json.loads(choice["message"]["content"]), SCHEMA)


def test_a_stream_adds_up_to_the_same_json(client: "Caller") -> None:
    wish: dict[str, Any] = {
        "temperature": 0, "max_tokens": 400, "response_format": json_schema(SCHEMA)
    }  # fmt: skip
    (whole,) = choices(client, **wish)
    parts = [choice["delta"].get("content", "") for choice in streamed(client, **wish)]
    assert "".join(parts) == whole["message"]["content"]
    assert len([part for part in parts if part]) > 3


def test_json_mode_gives_an_object(client: "Caller") -> None:
    """Any object at all has no end of its own: the answer is cut, or is JSON."""
    answers = choices(
        client, n=6, temperature=1.0, max_tokens=200, response_format={"type": "json_object"}
    )
    assert all(answer["message"]["content"].startswith("{") for answer in answers)
    for answer in answers:
        if answer["finish_reason"] == "stop":
            assert isinstance(json.loads(answer["message"]["content"]), dict)


def test_the_openai_client_parses_an_answer_into_its_own_type(outsider: openai.OpenAI) -> None:
    answer = outsider.chat.completions.parse(
        model=MODEL, messages=QUESTION, max_tokens=400, temperature=0, response_format=Visit
    )
    assert isinstance(answer.choices[0].message.parsed, Visit)


@pytest.mark.parametrize(
    ("response_format", "words"),
    [
        ({"type": "xml"}, "text, json_object or json_schema"),
        ({"type": "json_schema"}, "needs json_schema.schema"),
        (json_schema({"type": "string", "format": "uri"}), "'format' at #"),
        (json_schema({"properties": {"a": {"not": {}}}}), "'not' at #/properties/a"),
        (json_schema({"type": "strng"}), "no JSON type"),
        (json_schema({"$ref": "#"}), "refers to itself"),
        (json_schema({"enum": ["x" * 1000] * 100}), "at most 65536"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_form_that_cannot_be_kept_is_refused(
    client: "Caller", response_format: object, words: str, *, stream: bool
) -> None:
    with client.chat(response_format=response_format, stream=stream) as call:
        assert call.status == 400
        error = call.error()
    assert words in error["message"]
    assert error["param"] == "response_format"


def test_logprobs_and_stops_go_with_a_schema(client: "Caller") -> None:
    (answer,) = choices(
        client,
        temperature=0,
        logprobs=True,
        stop=["poli"],
        response_format=json_schema({"const": "poli"}),
    )
    assert answer["message"]["content"] == '"'
    assert answer["finish_reason"] == "stop"
    assert answer["logprobs"]["content"]
