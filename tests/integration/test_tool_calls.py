# SPDX-License-Identifier: Apache-2.0
"""Tool calls and thoughts, on real boxes whose model has the chat template of such a family."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletionFunctionToolParam

from atre.plan.planning import factory_model_path

if TYPE_CHECKING:
    from tests.integration.caller import Caller
    from tests.integration.conftest import CallerMaker, OutsiderMaker
    from tests.integration.running_box import RunningBox

TURNS = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}"
    "{% for call in m.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>"
    "{% endfor %}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)
WITH_TOOLS = "{% if tools %}{{ tools | tojson }}\n{% endif %}" + TURNS
WITH_THOUGHTS = WITH_TOOLS + "{# </think> #}<think>\n"
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Lyon"]}, "days": {"enum": [1, 2, 3]}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


def tool(name: str, parameters: dict[str, Any], **more: Any) -> ChatCompletionFunctionToolParam:
    function: Any = {"name": name, "description": "…", "parameters": parameters, **more}
    return {"type": "function", "function": function}


TOOLS = [tool("weather", WEATHER, strict=True), tool("clock", {})]


def _start(
    like: "RunningBox", directory: Path, options: list[str], template: str
) -> "Iterator[RunningBox]":
    spec = importlib.util.spec_from_file_location(
        "templated_model", Path(__file__).with_name("templated_model.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = directory / "templated.gguf"
    module.write_with_template(model, factory_model_path(), template)
    made = type(like)(directory / "box", *options, "--model", str(model))
    try:
        made.start()
        yield made
    finally:
        made.clean_up()


@pytest.fixture(scope="module")
def tool_box(
    box: "RunningBox", four_slots: list[str], tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[RunningBox]":
    yield from _start(box, tmp_path_factory.mktemp("tools"), four_slots, WITH_TOOLS)


@pytest.fixture(scope="module")
def tool_client(tool_box: "RunningBox", make_caller: "CallerMaker") -> "Caller":
    return make_caller(tool_box, tool_box.key)


@pytest.fixture(scope="module")
def outsider(tool_box: "RunningBox", make_outsider: "OutsiderMaker") -> openai.OpenAI:
    return make_outsider(tool_box)


def ask(client: "Caller", **wishes: Any) -> dict[str, Any]:
    with client.chat(**wishes) as call:
        found: dict[str, Any] = call.json()["choices"][0]
    return found


def test_a_required_call_satisfies_its_schema(tool_client: "Caller") -> None:
    for seed in range(4):
        choice = ask(
            tool_client,
            tools=TOOLS,
            tool_choice={"type": "function", "function": {"name": "weather"}},
            parallel_tool_calls=False,
            temperature=1.5,
            seed=seed,
            max_tokens=300,
        )
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["content"] is None
        (call,) = choice["message"]["tool_calls"]
        assert call["type"] == "function"
        assert call["function"]["name"] == "weather"
        jsonschema.validate(json.loads(call["function"]["arguments"]), WEATHER)


def test_openais_client_adds_a_streamed_call_up(outsider: openai.OpenAI) -> None:
    with outsider.chat.completions.stream(
        model="templated",
        messages=[{"role": "user", "content": "Quel temps ?"}],
        tools=[TOOLS[0]],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0,
        max_tokens=300,
    ) as stream:
        chunks = [event.chunk for event in stream if event.type == "chunk"]
        whole = stream.get_final_completion()
    (choice,) = whole.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls
    (call,) = choice.message.tool_calls
    jsonschema.validate(json.loads(call.function.arguments), WEATHER)
    pieces = [
        piece
        for chunk in chunks
        for choice_ in chunk.choices
        for piece in choice_.delta.tool_calls or []
    ]
    assert len(pieces) > 2, "arguments come in pieces"
    assert [piece.id for piece in pieces if piece.id] == [call.id]
    assert {piece.index for piece in pieces} == {0}


NAMED: dict[str, Any] = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize("parallel", [None, False, True])
@pytest.mark.parametrize("wanted", [None, "auto", "none", "required", NAMED])
def test_a_stream_adds_up_to_the_calls_that_are_made_at_once(
    outsider: openai.OpenAI, wanted: Any, *, parallel: bool | None
) -> None:
    must_call = wanted in ("required", NAMED)
    wish: dict[str, Any] = {
        "model": "templated",
        "messages": [{"role": "user", "content": "Quel temps ?"}],
        # Not strict: with a strict tool the client's helper refuses every answer that is cut.
        "tools": [tool("weather", WEATHER)],
        "temperature": 0,
        "max_tokens": 80 if must_call else 8,
    }
    wish |= {"tool_choice": wanted} if wanted else {}
    wish |= {} if parallel is None else {"parallel_tool_calls": parallel}
    whole = outsider.chat.completions.create(**wish).choices[0]
    with outsider.chat.completions.stream(**wish) as stream:
        events = list(stream)
        streamed = stream.current_completion_snapshot.choices[0]
    assert streamed.finish_reason == whole.finish_reason
    assert (streamed.message.content or None) == whole.message.content  # it began before a call did
    calls = [call.function for call in whole.message.tool_calls or [] if call.type == "function"]
    assert [
        (call.function.name, call.function.arguments) for call in streamed.message.tool_calls or []
    ] == [(call.name, call.arguments) for call in calls]
    done = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    assert [event.arguments for event in done] == [call.arguments for call in calls]
    assert bool(calls) == must_call
    for call in calls[:1]:  # the last of several may be cut
        jsonschema.validate(json.loads(call.arguments), WEATHER)


def test_several_calls_have_their_own_index_and_id(
    tool_client: "Caller", no_end: dict[str, int]
) -> None:
    for seed in range(30):
        choice = ask(
            tool_client,
            tools=[TOOLS[0]],
            tool_choice="required",
            temperature=1.0,
            seed=seed,
            logit_bias=no_end,  # after a call the grammar allows the end or another call
            max_tokens=300,
        )
        calls = choice["message"].get("tool_calls", [])
        if len(calls) > 1:
            assert len({call["id"] for call in calls}) == len(calls)
            return
    pytest.fail("no answer had two calls")


def test_a_model_that_may_call_and_does_not_says_what_it_says_without_tools(
    tool_client: "Caller",
) -> None:
    choice = ask(tool_client, tools=TOOLS, temperature=0, max_tokens=30)
    assert choice["message"]["content"]
    assert "tool_calls" not in choice["message"]
    without = ask(tool_client, temperature=0, max_tokens=30)
    none = ask(tool_client, tools=TOOLS, tool_choice="none", temperature=0, max_tokens=30)
    assert none["message"] == without["message"]


def test_a_conversation_with_calls_and_their_results_goes_on(tool_client: "Caller") -> None:
    called = {"name": "weather", "arguments": '{"city": "Paris"}'}
    choice = ask(
        tool_client,
        tools=TOOLS,
        max_tokens=8,
        messages=[
            {"role": "user", "content": "Quel temps ?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "abc", "type": "function", "function": called}],
            },
            {"role": "tool", "tool_call_id": "abc", "content": "Beau"},
        ],
    )
    assert choice["message"]["content"]


@pytest.mark.parametrize(
    ("wishes", "param", "words"),
    [
        ({"tools": [{"type": "function"}]}, "tools[0]", "function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function", "name"),
        ({"tools": [tool("", {})]}, "tools", "tools[0].function.name"),
        ({"tools": [tool("a b", {})]}, "tools", "letters, digits"),
        ({"tools": [tool("a", {}), tool("a", {})]}, "tools", "twice"),
        ({"tools": [tool(f"t{i}", {}) for i in range(200)]}, "tools", "at most 128"),
        ({"tools": [{"type": "code", "function": {"name": "a"}}]}, "tools", "must be function"),
        ({"tools": [tool("a", {"type": "strng"})]}, "tools", "type object"),
        ({"tools": [tool("a", {"type": "array"})]}, "tools", "type object"),
        ({"tools": [tool("a", {"properties": {"x": {"type": "x"}}})]}, "tools", "no JSON type"),
        (
            {"tools": [tool("a", {"properties": {"x": {"format": "uri"}}}, strict=True)]},
            "tools",
            "'format' at #/properties/x",
        ),
        ({"tools": TOOLS, "tool_choice": "maybe"}, "tool_choice", "maybe"),
        ({"tool_choice": "required"}, "tool_choice", "without tools"),
        (
            {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "z"}}},
            "tool_choice",
            "not among tools",
        ),
        (
            {"tools": TOOLS, "response_format": {"type": "json_object"}},
            "response_format",
            "together",
        ),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{"function": {"name": "a", "arguments": "{"}}],
                    }
                ]
            },
            "messages",
            "not valid JSON",
        ),
        ({"functions": [{"name": "a"}]}, "functions", "tools"),
    ],
)
def test_tools_that_cannot_be_offered_are_refused_by_field(
    tool_client: "Caller", wishes: dict[str, Any], param: str, words: str
) -> None:
    with tool_client.chat(**wishes) as call:
        assert call.status == 400
        error = call.error()
    assert error["param"] == param
    assert words in error["message"]


def test_a_model_without_a_format_for_calls_says_so(client: "Caller") -> None:
    with client.chat(tools=TOOLS, tool_choice="required") as call:
        assert call.status == 400
        assert "no format for tool calls" in call.error()["message"]


def test_the_factory_model_answers_whoever_offers_it_tools(client: "Caller") -> None:
    # Open WebUI sends its own with every question, agents theirs.
    with client.chat(tools=TOOLS) as call:
        message = call.json()["choices"][0]["message"]
    assert message["content"]
    assert "tool_calls" not in message


def test_thoughts_that_the_prompt_opens_are_not_part_of_the_answer(
    box: "RunningBox",
    four_slots: list[str],
    tmp_path: Path,
    make_caller: "CallerMaker",
    make_outsider: "OutsiderMaker",
) -> None:
    for thinker in _start(box, tmp_path, four_slots, WITH_THOUGHTS):
        client = make_caller(thinker, thinker.key)
        whole = ask(client, temperature=0, max_tokens=20)
        assert whole["message"]["content"] == ""
        assert whole["message"]["reasoning_content"]
        with client.chat(temperature=0, max_tokens=20, stream=True) as call:
            events = [event for event in call.events() if isinstance(event, dict)]
        deltas = [choice["delta"] for event in events for choice in event["choices"]]
        thoughts = "".join(delta.get("reasoning_content", "") for delta in deltas)
        assert thoughts == whole["message"]["reasoning_content"]
        form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"const": 1}}}
        held = ask(client, temperature=0, max_tokens=20, response_format=form)
        assert held["message"]["content"] in {"", "1"}
        assert held["message"]["reasoning_content"]
        asked: dict[str, Any] = {"model": "templated", "temperature": 0, "max_tokens": 20}
        asked |= {"messages": [{"role": "user", "content": "Bonjour"}]}
        outsider = make_outsider(thinker)
        message = outsider.chat.completions.create(**asked).choices[0].message
        assert message.model_dump()["reasoning_content"] == whole["message"]["reasoning_content"]
        assert [
            chunk.choices[0].delta.model_dump()["reasoning_content"]
            for chunk in outsider.chat.completions.create(**asked, stream=True)
            if "reasoning_content" in chunk.choices[0].delta.model_dump()
        ] == [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta]
