# SPDX-License-Identifier: Apache-2.0
"""OpenAI's own Python client, which checks every answer against its own types."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

if TYPE_CHECKING:
    from tests.integration.conftest import OutsiderMaker
    from tests.integration.running_box import RunningBox

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Réponds en français."},
    {"role": "user", "content": "Comment connecter un téléphone à la boîte ?"},
]
MODEL = "factory"
TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def outsider(box: "RunningBox", make_outsider: "OutsiderMaker") -> openai.OpenAI:
    return make_outsider(box)


@pytest.fixture(scope="module")
def lenient(box: "RunningBox", make_outsider: "OutsiderMaker") -> openai.OpenAI:
    """For streamed text completions: the client's types know no unfinished choice there.

    OpenAI's own API sends one with every chunk but the last (openai/openai-openapi#100).
    """
    return make_outsider(box, strict=False)


def test_the_loaded_model_is_listed(outsider: openai.OpenAI) -> None:
    models = outsider.models.list()
    assert [model.id for model in models] == [MODEL]
    assert outsider.models.retrieve(MODEL).owned_by == "atre"
    with pytest.raises(openai.NotFoundError) as refused:
        outsider.models.retrieve("gpt-5")
    assert refused.value.code == "model_not_found"


def test_a_conversation_is_answered_at_once(outsider: openai.OpenAI) -> None:
    answer = outsider.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=24)
    (choice,) = answer.choices
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason in {"stop", "length"}
    assert answer.usage is not None
    assert 1 <= answer.usage.completion_tokens <= 24
    assert answer.usage.total_tokens == (
        answer.usage.prompt_tokens + answer.usage.completion_tokens
    )


def test_a_stream_adds_up_to_the_answer_that_is_given_at_once(
    outsider: openai.OpenAI, no_end: dict[str, int]
) -> None:
    whole = outsider.chat.completions.create(
        model=MODEL, messages=QUESTION, max_tokens=48, temperature=0, logit_bias=no_end
    )
    stream = outsider.chat.completions.create(
        model=MODEL,
        messages=QUESTION,
        max_tokens=48,
        temperature=0,
        logit_bias=no_end,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    deltas = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    text = "".join(filter(None, deltas))
    assert text == whole.choices[0].message.content
    assert "\N{REPLACEMENT CHARACTER}" not in text
    assert len([delta for delta in deltas if delta]) > 1
    assert chunks[0].choices[0].delta.role == "assistant"
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] == whole.choices[0].finish_reason
    assert set(reasons[:-1]) == {None}
    assert len({chunk.id for chunk in chunks}) == 1
    assert whole.usage is not None
    (usage,) = [chunk.usage for chunk in chunks if chunk.usage]
    assert usage.prompt_tokens == whole.usage.prompt_tokens
    assert usage.completion_tokens == whole.usage.completion_tokens
    assert usage.prompt_tokens_details is not None
    assert 0 <= (usage.prompt_tokens_details.cached_tokens or 0) < usage.prompt_tokens


def test_usage_is_streamed_only_to_who_asks(outsider: openai.OpenAI) -> None:
    stream = outsider.chat.completions.create(
        model=MODEL, messages=QUESTION, max_tokens=4, stream=True
    )
    chunks = list(stream)
    assert all(chunk.usage is None for chunk in chunks)
    assert all(len(chunk.choices) == 1 for chunk in chunks)


def test_text_is_completed(
    outsider: openai.OpenAI, lenient: openai.OpenAI, no_end: dict[str, int]
) -> None:
    whole = outsider.completions.create(
        model=MODEL, prompt="Bonjour", max_tokens=12, temperature=0, logit_bias=no_end
    )
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 12
    assert whole.choices[0].finish_reason == "length"
    stream = lenient.completions.create(
        model=MODEL,
        prompt="Bonjour",
        max_tokens=12,
        temperature=0,
        logit_bias=no_end,
        stream=True,
    )
    assert "".join(chunk.choices[0].text for chunk in stream) == whole.choices[0].text


def alike(left: str, right: str) -> int:
    """How many characters two texts have in common at their start."""
    pairs = zip(left, right, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def test_several_prompts_are_completed_in_order(outsider: openai.OpenAI) -> None:
    prompts = ["Bonjour", "The box"]
    answer = outsider.completions.create(
        model=MODEL, prompt=prompts, max_tokens=8, temperature=0, n=1
    )
    alone = [
        outsider.completions.create(model=MODEL, prompt=prompt, max_tokens=8, temperature=0)
        for prompt in prompts
    ]
    assert [choice.index for choice in answer.choices] == [0, 1]
    # Batches of other shapes round differently, so a long answer may part from the one given
    # alone; but it begins like its own, not like the other's.
    for index, choice in enumerate(answer.choices):
        own, other = alone[index].choices[0].text, alone[1 - index].choices[0].text
        assert alike(choice.text, own) > alike(choice.text, other)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == sum(
        one.usage.prompt_tokens for one in alone if one.usage is not None
    )


def test_two_choices_are_different_answers_to_one_prompt(
    outsider: openai.OpenAI, no_end: dict[str, int]
) -> None:
    answer = outsider.chat.completions.create(
        model=MODEL,
        messages=QUESTION,
        n=2,
        max_tokens=40,
        temperature=2,
        top_p=1,
        extra_body={"min_p": 0, "top_k": 0},
        seed=11,
        logit_bias=no_end,
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    one, other = (choice.message.content for choice in answer.choices)
    assert one != other
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 80
    single = outsider.chat.completions.create(
        model=MODEL, messages=QUESTION, max_tokens=1, logit_bias=no_end
    )
    assert single.usage is not None
    assert answer.usage.prompt_tokens == single.usage.prompt_tokens


def test_two_streamed_choices_come_together(
    outsider: openai.OpenAI, no_end: dict[str, int]
) -> None:
    stream = outsider.chat.completions.create(
        model=MODEL, messages=QUESTION, n=2, max_tokens=300, stream=True, logit_bias=no_end
    )
    order = [
        chunk.choices[0].index
        for chunk in stream
        if chunk.choices and chunk.choices[0].delta.content
    ]
    assert set(order) == {0, 1}
    assert order != sorted(order)


def test_the_same_seed_gives_the_same_answer(
    slow_box: "RunningBox", make_outsider: "OutsiderMaker", no_end: dict[str, int]
) -> None:
    # Random weights and four candidates: chance alone repeats no answer, and rounding, which
    # differs with what shares a batch, hardly ever changes a choice among so few.
    def answer(asker: openai.OpenAI, seed: int) -> str:
        made = asker.completions.create(
            model="slow",
            prompt="Bonjour",
            max_tokens=16,
            temperature=2,
            top_p=1,
            extra_body={"min_p": 0, "top_k": 4},
            seed=seed,
            logit_bias=no_end,
        )
        return made.choices[0].text

    asker = make_outsider(slow_box)
    answer(asker, 1)  # from now on the prompt is remembered: the next ones are computed alike
    assert answer(asker, 7) == answer(asker, 7)
    assert len({answer(asker, seed) for seed in range(4)}) == 4


def test_an_answer_ends_before_its_stop_string(
    outsider: openai.OpenAI, no_end: dict[str, int]
) -> None:
    def answer(stop: list[str] | None) -> openai.types.CompletionChoice:
        made = outsider.completions.create(
            model=MODEL,
            prompt="Bonjour",
            max_tokens=60,
            temperature=0,
            stop=stop,
            logit_bias=no_end,
        )
        return made.choices[0]

    whole = answer(None).text
    word = whole.split()[3]
    stopped = answer([word, "a text that never comes"])
    assert stopped.text == whole[: whole.index(word)]
    assert stopped.finish_reason == "stop"


def test_log_probabilities_are_those_of_the_likeliest_tokens(outsider: openai.OpenAI) -> None:
    answer = outsider.chat.completions.create(
        model=MODEL, messages=QUESTION, max_tokens=12, temperature=0, logprobs=True, top_logprobs=3
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content
    for token in logprobs.content:
        assert len(token.top_logprobs) == 3
        assert token.token == token.top_logprobs[0].token
        assert token.logprob == max(top.logprob for top in token.top_logprobs) <= 0
    text = b"".join(bytes(token.bytes or []) for token in logprobs.content).decode()
    assert text == answer.choices[0].message.content


def test_log_probabilities_of_a_stream_are_those_of_the_whole(lenient: openai.OpenAI) -> None:
    whole = lenient.completions.create(
        model=MODEL, prompt="Bonjour", max_tokens=12, temperature=0, logprobs=2
    )
    stream = lenient.completions.create(
        model=MODEL, prompt="Bonjour", max_tokens=12, temperature=0, logprobs=2, stream=True
    )
    pieces = [chunk.choices[0].logprobs for chunk in stream]
    expected = whole.choices[0].logprobs
    assert expected is not None
    assert [token for piece in pieces if piece for token in piece.tokens or []] == expected.tokens
    assert [at for piece in pieces if piece for at in piece.text_offset or []] == (
        expected.text_offset
    )


def test_a_bias_forces_and_forbids_tokens(outsider: openai.OpenAI) -> None:
    def first_token(bias: dict[str, int]) -> str:
        made = outsider.completions.create(
            model=MODEL, prompt="Bonjour", max_tokens=1, temperature=0, logprobs=1, logit_bias=bias
        )
        assert made.choices[0].logprobs is not None
        assert made.choices[0].logprobs.tokens is not None
        return made.choices[0].logprobs.tokens[0]

    assert first_token({"500": 100}) != first_token({"501": 100})
    assert first_token({"500": 100, "501": 50}) == first_token({"500": 100})


def test_four_streams_interleave(
    outsider: openai.OpenAI, box: "RunningBox", no_end: dict[str, int]
) -> None:
    order: list[int] = []
    everybody_started = threading.Barrier(4, timeout=TIMEOUT_S)

    def ask(number: int) -> None:
        with outsider.chat.completions.create(
            model=MODEL, messages=QUESTION, max_tokens=800, stream=True, logit_bias=no_end
        ) as stream:
            num_pieces = 0
            for chunk in stream:
                if not chunk.choices or not chunk.choices[0].delta.content:
                    continue
                if num_pieces == 0:
                    everybody_started.wait()
                order.append(number)
                num_pieces += 1
                if num_pieces == 40:
                    return  # which closes the stream, and so ends its generation

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    firsts = [order.index(number) for number in range(4)]
    lasts = [len(order) - 1 - order[::-1].index(number) for number in range(4)]
    assert max(firsts) < min(lasts)
    turns = sum(one != other for one, other in itertools.pairwise(order))
    assert turns > 20
    box.wait_for(lambda engine: engine.num_running == 0)
