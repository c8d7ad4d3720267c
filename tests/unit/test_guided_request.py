# SPDX-License-Identifier: Apache-2.0
"""Which requests the handbook is searched for, and what the factory model is asked then."""

from typing import Any

import msgspec
import pytest

from atre.handbook.plan import Plan, Reply
from atre.ipc.messages import EngineDescription, Generate, Priority
from atre_web.factory.request import guided, is_factory, may_be_guided, questions
from atre_web.openai.request import chat_requests
from atre_web.openai.schema import ChatBody

ASKED = [{"role": "user", "content": "a key?"}]
TOOL = {"type": "function", "function": {"name": "f"}}


def body(messages: list[dict[str, Any]] = ASKED, **fields: Any) -> ChatBody:
    return msgspec.convert({"messages": messages, **fields}, ChatBody)


def request(asked: ChatBody) -> Generate:
    return chat_requests(asked, user="key:1", priority=Priority.API)[0]


def plan(prompt: str | None) -> Plan:
    return Plan(
        language="en",
        prompt=prompt,
        passage="",
        source=None,
        least_probability=0.5,
        otherwise=Reply(text="I do not know."),
    )


def turns(*roles: str) -> list[dict[str, Any]]:
    return [{"role": role, "content": role} for role in roles]


@pytest.mark.parametrize(
    "asked",
    [
        body(),
        body(model="factory"),
        body(turns("system", "user")),
        body(turns("user", "assistant", "user"), temperature=1.0, n=3, stream=True),
        body([{"role": "user", "content": [{"type": "text", "text": "a key?"}]}]),
        body(tools=[TOOL]),
        body(tools=[TOOL], tool_choice="auto"),
        body(tools=[TOOL], tool_choice="none"),
    ],
)
def test_plain_talk_is_guided(asked: ChatBody) -> None:
    assert may_be_guided(asked)


@pytest.mark.parametrize(
    "asked",
    [
        body(model="qwen3"),
        body(tools=[TOOL], tool_choice="required"),
        body(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "f"}}),
        body(response_format={"type": "json_object"}),
        body(logit_bias={"5": 1.0}),
        body(logprobs=True, top_logprobs=3),
        body([]),
        body(turns("user", "system")),
        body(turns("user", "assistant")),
        body(turns("assistant", "assistant", "user")),
        body(turns("wizard", "user")),
    ],
)
def test_what_steers_the_model_or_no_template_takes_is_left_alone(asked: ChatBody) -> None:
    assert not may_be_guided(asked)


def test_the_passage_takes_the_place_of_the_conversation() -> None:
    asked = body(turns("system", "user", "assistant", "user"), max_tokens=50)
    made = guided(request(asked), plan("Passage: …\n\nQuestion: a key?"), asked)
    assert made.messages is not None
    assert [(each.role, each.content) for each in made.messages] == [
        ("user", "Passage: …\n\nQuestion: a key?")
    ]
    assert made.max_tokens == 50
    assert (made.sampling.temperature, made.sampling.logprobs) == (0.0, 0)


def test_tools_that_may_be_left_alone_are() -> None:
    asked = body(tools=[TOOL])
    assert request(asked).tools
    assert guided(request(asked), plan("…"), asked).tools == []


def test_the_clients_own_temperature_stays() -> None:
    asked = body(temperature=0.9)
    made = guided(request(asked), plan("…"), asked)
    assert (made.sampling.temperature, made.sampling.logprobs) == (0.9, 0)


def test_a_settled_question_costs_one_token() -> None:
    asked = body(max_tokens=50)
    made = guided(request(asked), plan(None), asked)
    assert made.messages is not None
    assert made.messages[-1].content == "a key?"
    assert made.max_tokens == 1


def test_only_the_persons_own_words_are_searched_for() -> None:
    asked = body(turns("system", "user", "assistant", "user"))
    assert questions(asked) == ["user", "user"]


ENGINE = EngineDescription(
    model="factory",
    name="Âtre factory",
    description="",
    licence="apache-2.0",
    num_parameters=6_000_000,
    size_bytes=6_000_000,
    n_ctx=8192,
    n_ctx_train=1024,
    num_slots=4,
    threads=2,
    device="CPU",
    started_at=0.0,
    num_running=0,
    num_waiting=0,
    queue_limit=64,
    kv_cells_used=0,
    kv_cells_total=8192,
    decode_tokens_per_s=0.0,
    prefill_tokens_per_s=0.0,
    completion_tokens_total=0,
    requests_total=0,
)


@pytest.mark.parametrize(
    ("model", "name", "is_it"),
    [
        ("factory", "Âtre factory", True),
        ("factory", "Somebody’s model", False),
        ("mine", "Âtre factory", False),
    ],
)
def test_a_file_that_only_has_the_name_is_not_the_factory_model(
    model: str, name: str, *, is_it: bool
) -> None:
    assert is_factory(msgspec.structs.replace(ENGINE, model=model, name=name)) is is_it
