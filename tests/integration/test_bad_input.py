# SPDX-License-Identifier: Apache-2.0
"""Every bad body gets an error that says what to do, and harms nobody else's answer."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.caller import Call, Caller

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"
HELLO = [{"role": "user", "content": "Bonjour"}]
BYSTANDER_TOKENS = 100
WINDOW = 1024


def chat(**fields: Any) -> tuple[str, bytes]:
    return CHAT, json.dumps({"messages": HELLO} | fields).encode()


def text(**fields: Any) -> tuple[str, bytes]:
    return TEXT, json.dumps({"prompt": "Bonjour"} | fields).encode()


def turns(*roles: str) -> tuple[str, bytes]:
    return chat(messages=[{"role": role, "content": "Bonjour"} for role in roles])


# A name, the request, and the field that the error must name.
BAD: list[tuple[str, tuple[str, bytes], str | None]] = [
    ("no body", (CHAT, b""), None),
    ("cut JSON", (CHAT, b'{"messages": [{"role": "user", "content": "Bonj'), None),
    ("not JSON", (CHAT, b"messages=Bonjour"), None),
    ("two JSON values", (CHAT, chat()[1] * 2), None),
    ("a JSON list", (CHAT, b"[]"), None),
    ("NaN", (CHAT, b'{"messages": [], "temperature": NaN}'), None),
    ("deep nesting", (CHAT, b'{"messages": ' + b"[" * 200_000), "messages[0]"),
    ("deep nesting where anything may be", (TEXT, b'{"prompt": ' + b"[" * 200_000), None),
    ("invalid UTF-8", (CHAT, b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}'), None),
    ("overlong UTF-8", (CHAT, b'{"messages": [{"role": "user", "content": "\xc0\xaf"}]}'), None),
    ("half a surrogate pair", (CHAT, chat()[1].replace(b"Bonjour", rb"\ud83d")), None),
    ("no messages", (CHAT, b"{}"), None),
    ("messages null", chat(messages=None), "messages"),
    ("messages a text", chat(messages="Bonjour"), "messages"),
    ("messages empty", chat(messages=[]), "messages"),
    ("message a text", chat(messages=["Bonjour"]), "messages[0]"),
    ("content a number", chat(messages=[{"role": "user", "content": 5}]), "messages[0].content"),
    ("no role", chat(messages=[{"content": "Bonjour"}]), "messages[0]"),
    ("temperature a text", chat(temperature="hot"), "temperature"),
    ("temperature too high", chat(temperature=2.1), "temperature"),
    ("top_p too high", chat(top_p=1.5), "top_p"),
    ("top_p negative", chat(top_p=-0.1), "top_p"),
    ("stream a text", chat(stream="yes"), "stream"),
    ("seed a text", chat(seed="seven"), "seed"),
    ("n zero", chat(n=0), "n"),
    ("n huge", chat(n=10**6), "n"),
    ("n beyond 64 bits", chat(n=10**30), "n"),
    ("top_logprobs without logprobs", chat(top_logprobs=3), "top_logprobs"),
    ("top_logprobs too many", chat(logprobs=True, top_logprobs=21), "top_logprobs"),
    ("an image", chat(messages=[{"role": "user", "content": [{"type": "image_url"}]}]), "messages"),
    ("a tool without function", chat(tools=[{"type": "function"}]), "tools[0]"),
    ("unknown role", turns("robot"), "messages"),
    ("assistant after assistant", turns("user", "assistant", "assistant"), "messages"),
    ("system in the middle", turns("user", "system", "user"), "messages"),
    ("no user message", turns("system"), "messages"),
    ("max_tokens zero", chat(max_tokens=0), "max_tokens"),
    ("max_tokens negative", text(max_tokens=-1), "max_tokens"),
    ("max_tokens half", text(max_tokens=1.5), "max_tokens"),
    ("max_completion_tokens zero", chat(max_completion_tokens=0), "max_completion_tokens"),
    ("max_tokens beyond 64 bits", chat(max_tokens=10**30), "max_tokens"),
    ("stop a number", chat(stop=5), "stop"),
    ("stop empty text", chat(stop=""), "stop"),
    ("a thousand stops", chat(stop=[f"mot {number}" for number in range(1000)]), "stop"),
    ("a long stop", chat(stop=["a" * 100_000]), "stop"),
    ("bias a list", chat(logit_bias=[1, 2]), "logit_bias"),
    ("bias of a word", chat(logit_bias={"Bonjour": 1}), "logit_bias"),
    ("bias of no token", chat(logit_bias={"999999": 1}), "logit_bias"),
    ("bias beyond 64 bits", chat(logit_bias={str(10**30): 1}), "logit_bias"),
    ("bias too strong", chat(logit_bias={"5": 101}), "logit_bias[...]"),
    ("no prompt", (TEXT, b"{}"), None),
    ("prompt null", text(prompt=None), "prompt"),
    ("prompt empty", text(prompt=""), "prompt"),
    ("prompt an empty list", text(prompt=[]), "prompt"),
    ("prompt of empty lists", text(prompt=[[]]), "prompt"),
    ("prompt a number", text(prompt=5), "prompt"),
    ("prompt mixed", text(prompt=["Bonjour", 5]), "prompt"),
    ("prompt of booleans", text(prompt=[True]), "prompt"),
    ("prompt of no tokens", text(prompt=[999_999]), "prompt"),
    ("prompt of negative tokens", text(prompt=[-1]), "prompt"),
    ("prompt beyond 64 bits", text(prompt=[10**30]), "prompt"),
    ("seventeen prompts", text(prompt=["Bonjour"] * 17), "prompt"),
    ("echo", text(echo=True), "echo"),
]


@pytest.fixture
def bystander(client: "Caller", no_end: dict[str, int]) -> Iterator[None]:
    """Somebody whose answer is being streamed meanwhile, and must come to its proper end."""
    asked = client.completion(
        max_tokens=BYSTANDER_TOKENS,
        logit_bias=no_end,
        stream=True,
        stream_options={"include_usage": True},
    )
    with asked:
        events = asked.events()
        beginning = next(events)
        yield
        objects = [event for event in (beginning, *events) if isinstance(event, dict)]
    assert all("error" not in event for event in objects), objects[-1]
    (usage,) = (event["usage"] for event in objects if "usage" in event)
    assert usage["completion_tokens"] == BYSTANDER_TOKENS


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize(
    ("request_", "param"),
    [pytest.param(request, param, id=name) for name, request, param in BAD],
)
def test_a_bad_request_is_refused_with_its_reason(
    client: "Caller", request_: tuple[str, bytes], param: str | None
) -> None:
    with client.post(*request_) as refused:
        assert refused.status == 400
        error = refused.error()
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param


@pytest.mark.usefixtures("bystander")
def test_an_unknown_model_is_not_found(client: "Caller") -> None:
    with client.chat(model="gpt-5") as refused:
        assert refused.status == 404
        error = refused.error()
    assert error["code"] == "model_not_found"
    assert error["param"] == "model"
    assert "'factory'" in error["message"]


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_longer_than_the_window_is_never_cut(client: "Caller", *, stream: bool) -> None:
    with client.completion([5] * 2000, stream=stream) as refused:
        assert refused.status == 400
        check_overflow(refused, num_tokens=2000 + 16)
    with client.chat("Bonjour " * 3000, stream=stream) as refused:
        assert refused.status == 400
        check_overflow(refused, num_tokens=None)


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("max_tokens", [WINDOW, 10**6, 2**40])
def test_an_answer_longer_than_the_window_is_refused(client: "Caller", max_tokens: int) -> None:
    with client.completion([5, 6, 7], max_tokens=max_tokens) as refused:
        assert refused.status == 400
        check_overflow(refused, num_tokens=max_tokens + 3)


def check_overflow(refused: "Call", num_tokens: int | None) -> None:
    error = refused.error()
    assert error["code"] == "context_length_exceeded"
    assert error["n_ctx"] == WINDOW
    assert error["n_prompt_tokens"] > WINDOW
    if num_tokens is not None:
        assert error["n_prompt_tokens"] == num_tokens
    assert f" {WINDOW} " in error["message"]
    assert f" {error['n_prompt_tokens']} " in error["message"]


def test_the_whole_window_can_be_used(client: "Caller", no_end: dict[str, int]) -> None:
    with client.completion([5] * 1000, max_tokens=24, logit_bias=no_end) as answered:
        assert answered.status == 200
        assert answered.json()["usage"]["total_tokens"] == WINDOW


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("num_mib", [8, 10, 40])
def test_a_huge_body_is_refused(client: "Caller", num_mib: int) -> None:
    body = chat(messages=[{"role": "user", "content": "a" * num_mib * 2**20}])
    with client.post(*body) as refused:
        assert refused.status == 413
        assert "8 MiB" in refused.error()["message"]


@pytest.mark.usefixtures("bystander")
def test_a_huge_body_in_chunks_is_refused(client: "Caller") -> None:
    head = client.head("POST", CHAT, **{"Transfer-Encoding": "chunked"})
    piece = b"a" * 2**20
    with client.connect() as refused:
        refused.send(head + b"\r\n")
        for _ in range(10):
            refused.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        refused.send(b"0\r\n\r\n")
        assert refused.status == 413
        assert "8 MiB" in refused.error()["message"]


def test_a_message_may_hold_any_character(client: "Caller") -> None:
    with client.chat("\0\x07\x7f\u2028\ufffe\U0010ffff <|end|> 🇫🇷", max_tokens=4) as answered:
        assert answered.status == 200
        assert answered.json()["usage"]["completion_tokens"] <= 4
