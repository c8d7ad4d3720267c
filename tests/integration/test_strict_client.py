# SPDX-License-Identifier: Apache-2.0
"""Every option of the completion routes, whole and streamed, checked by OpenAI's client itself.

With strict validation the client raises for a field of the wrong type, a missing one or an unknown
value. What the model says plays no part: only that a stream adds up to what is said at once.
"""

from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.caller import Call, Caller
    from tests.integration.conftest import OutsiderMaker
    from tests.integration.running_box import RunningBox

MODEL = "factory"
QUESTION: Any = [
    {"role": "system", "content": "Réponds en français."},
    {
        "role": "user",
        "content": [{"type": "text", "text": "Comment connecter un téléphone ? " * 8}],
    },
]
STREAMED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


class Visit(BaseModel):
    """What the client's own types turn into a schema."""

    city: str = Field(max_length=6)
    days: int = Field(ge=1, le=9)


VISIT = {
    "type": "json_schema",
    "json_schema": {
        "name": "visit",
        "strict": True,
        "schema": Visit.model_json_schema() | {"additionalProperties": False},
    },
}

# Options that both routes have.
COMMON: dict[str, dict[str, Any]] = {
    "plain": {},
    "max_tokens": {"max_tokens": 3},
    "n": {"n": 2},
    "stop": {"stop": "e"},
    "stops": {"stop": ["e", "a", "un texte"]},
    "seed": {"seed": 7, "temperature": 1.2, "top_p": 0.9},
    "logit_bias": {"logit_bias": {"300": 20, "301": -100}},
    "penalties": {"frequency_penalty": 0.7, "presence_penalty": -0.3},
    "extensions": {"extra_body": {"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1}},
    "user": {"user": "somebody"},
}
CHAT = COMMON | {
    "max_completion_tokens": {"max_completion_tokens": 3},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"logprobs": True, "top_logprobs": 5, "n": 2},
    "text": {"response_format": {"type": "text"}},
    "json_object": {"response_format": {"type": "json_object"}},
    "json_schema": {"response_format": VISIT, "max_tokens": 60},
    "ignored": {
        "store": False,
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "reasoning_effort": "low",
        "verbosity": "low",
        "modalities": ["text"],
        "safety_identifier": "somebody",
    },
}
TEXT = COMMON | {
    "logprobs": {"logprobs": 3},
    "prompts": {"prompt": ["Bonjour à tous", "The box is"], "n": 2},
    "tokens": {"prompt": [300, 301, 302]},
}


@pytest.fixture(scope="module")
def outsider(box: "RunningBox", make_outsider: "OutsiderMaker") -> openai.OpenAI:
    return make_outsider(box)


@pytest.fixture(scope="module")
def lenient(box: "RunningBox", make_outsider: "OutsiderMaker") -> openai.OpenAI:
    return make_outsider(box, strict=False)


def by_index(chunks: list[Any], part: Any) -> dict[int, list[Any]]:
    """The parts of each choice in the order in which they came."""
    found: dict[int, list[Any]] = {}
    for choice in (choice for chunk in chunks for choice in chunk.choices):
        found.setdefault(choice.index, []).append(part(choice))
    return found


@pytest.mark.parametrize("option", CHAT.values(), ids=CHAT.keys())
def test_a_chat_is_what_the_client_expects(outsider: openai.OpenAI, option: dict[str, Any]) -> None:
    wish: dict[str, Any] = {"model": MODEL, "messages": QUESTION, "temperature": 0} | option
    if "max_completion_tokens" not in wish:
        wish.setdefault("max_tokens", 8)
    whole: ChatCompletion = outsider.chat.completions.create(**wish)
    chunks: list[ChatCompletionChunk] = list(outsider.chat.completions.create(**wish | STREAMED))
    assert [choice.index for choice in whole.choices] == list(range(wish.get("n", 1)))
    assert (chunks[-1].choices, {chunk.id for chunk in chunks}) == ([], {chunks[0].id})
    texts = by_index(chunks, lambda choice: choice.delta.content or "")
    reasons = by_index(chunks, lambda choice: choice.finish_reason)
    logprobs = by_index(chunks, lambda choice: choice.logprobs)
    for choice in whole.choices:
        assert choice.message.content == "".join(texts[choice.index])
        assert choice.finish_reason == reasons[choice.index][-1]
        assert set(reasons[choice.index][:-1]) == {None}
        streamed = [each for some in logprobs[choice.index] if some for each in some.content]
        expected = (choice.logprobs.content or []) if choice.logprobs else []
        assert [each.token for each in streamed] == [each.token for each in expected]
        assert bool(streamed) == ("logprobs" in wish)
    check_usage(whole.usage, chunks[-1].usage)
    details = chunks[-1].usage.prompt_tokens_details if chunks[-1].usage else None
    # So much of a prompt is worth remembering; how much of a short one is left to the box.
    assert details
    assert details.cached_tokens
    if option.get("response_format") is VISIT:
        Visit.model_validate_json(whole.choices[0].message.content or "")


def check_usage(whole: Any, streamed: Any) -> None:
    """Both count the same."""
    for usage in (whole, streamed):
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        assert 0 <= usage.prompt_tokens_details.cached_tokens < usage.prompt_tokens
    assert whole.prompt_tokens == streamed.prompt_tokens
    assert whole.completion_tokens == streamed.completion_tokens


@pytest.mark.parametrize("option", TEXT.values(), ids=TEXT.keys())
def test_a_completion_is_what_the_client_expects(
    outsider: openai.OpenAI, lenient: openai.OpenAI, option: dict[str, Any]
) -> None:
    wish: dict[str, Any] = {
        "model": MODEL, "prompt": "Comment connecter", "max_tokens": 8, "temperature": 0
    } | option  # fmt: skip
    whole: Completion = outsider.completions.create(**wish)
    chunks = [checked(chunk) for chunk in lenient.completions.create(**wish | STREAMED)]
    texts = by_index(chunks, lambda choice: choice.text)
    tokens = by_index(chunks, lambda choice: choice.logprobs.tokens if choice.logprobs else [])
    for choice in whole.choices:
        assert choice.text == "".join(texts[choice.index])
        expected = choice.logprobs.tokens if choice.logprobs else []
        assert [token for some in tokens[choice.index] for token in some] == expected
        assert bool(expected) == ("logprobs" in wish)
    check_usage(whole.usage, chunks[-1].usage)


def checked(chunk: Completion) -> Completion:
    """A chunk of a streamed completion, held to the client's types but for one field.

    Those know no unfinished choice, which OpenAI's own API sends as ``"finish_reason": null``
    (openai/openai-openapi#100). So does the box, and only that field is filled in before the check.
    """
    content: Any = chunk.to_dict()
    for choice in content["choices"]:
        assert choice["finish_reason"] in {None, "stop", "length"}
        choice["finish_reason"] = choice["finish_reason"] or "stop"
    return Completion.model_validate(content)


def test_a_streamed_answer_is_parsed_into_the_clients_own_type(outsider: openai.OpenAI) -> None:
    with outsider.chat.completions.stream(
        model=MODEL, messages=QUESTION, max_tokens=60, temperature=0, response_format=Visit
    ) as stream:
        kinds = {event.type for event in stream}
        whole = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert isinstance(whole.choices[0].message.parsed, Visit)
    at_once = outsider.chat.completions.parse(
        model=MODEL, messages=QUESTION, max_tokens=60, temperature=0, response_format=Visit
    )
    assert at_once.choices[0].message.parsed == whole.choices[0].message.parsed


def test_an_answer_that_is_cut_is_not_parsed(outsider: openai.OpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        outsider.chat.completions.parse(
            model=MODEL, messages=QUESTION, max_tokens=3, response_format=Visit
        )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("wish", "kind", "code", "param"),
    [
        ({"temperature": 9}, openai.BadRequestError, None, "temperature"),
        ({"max_tokens": 0}, openai.BadRequestError, None, "max_tokens"),
        ({"logit_bias": {"x": 1}}, openai.BadRequestError, None, "logit_bias"),
        (
            {"messages": [{"role": "user", "content": "a b c d " * 9000}]},
            openai.BadRequestError,
            "context_length_exceeded",
            "messages",
        ),
        ({"model": "gpt-5"}, openai.NotFoundError, "model_not_found", "model"),
    ],
)
def test_a_refusal_is_the_clients_own_exception(
    outsider: openai.OpenAI,
    wish: dict[str, Any],
    kind: type[openai.APIStatusError],
    code: str | None,
    param: str,
    *,
    stream: bool,
) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": QUESTION, "stream": stream} | wish
    with pytest.raises(kind) as refused:
        outsider.chat.completions.create(**asked)
    assert (refused.value.code, refused.value.param) == (code, param)
    assert refused.value.type == "invalid_request_error"


def test_a_wrong_key_is_the_clients_own_exception(
    box: "RunningBox", make_outsider: "OutsiderMaker"
) -> None:
    stranger = make_outsider(box, key="wrong")
    with pytest.raises(openai.AuthenticationError) as refused:
        stranger.models.list()
    assert refused.value.code == "invalid_api_key"
    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model=MODEL, messages=QUESTION, stream=True)


@pytest.fixture
def full_queue(
    slow_box: "RunningBox", slow_client: "Caller", no_end: dict[str, int]
) -> "Iterator[None]":
    """The slow box's only slot and only place in the queue are taken."""

    def take() -> "Call":
        return slow_client.completion(max_tokens=6000, stream=True, logit_bias=no_end)

    with take():
        slow_box.wait_for(lambda engine: engine.num_running == 1)
        with take():
            slow_box.wait_for(lambda engine: engine.num_waiting == 1)
            yield
    slow_box.wait_for(lambda engine: engine.num_running + engine.num_waiting == 0)


@pytest.mark.usefixtures("full_queue")
def test_a_full_queue_is_the_clients_own_exception(
    slow_box: "RunningBox", make_outsider: "OutsiderMaker"
) -> None:
    outsider = make_outsider(slow_box)
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError) as refused:
            outsider.chat.completions.create(model="slow", messages=QUESTION, stream=stream)
        assert refused.value.code == "queue_full"
        assert 1 <= int(refused.value.response.headers["retry-after"]) <= 120
