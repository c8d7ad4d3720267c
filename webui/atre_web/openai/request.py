# SPDX-License-Identifier: Apache-2.0
"""From a body to what the engine is asked: one ``Generate`` for each choice."""

import re
from typing import Any

from msgspec.structs import replace

from atre.errors import InvalidRequestError
from atre.ipc.messages import ChatMessage, Generate, Priority, Sampling
from atre_web.openai.response_format import answer_schema
from atre_web.openai.schema import MAX_CHOICES, ChatBody, CompletionBody, SamplingBody
from atre_web.openai.tools import earlier_calls, offered_tools, wanted_choice

_DEFAULT_COMPLETION_TOKENS = 16  # OpenAI's own default for this route
_MAX_STOPS = 16
_SEED_RANGE = 2**32
_TOKEN_RANGE = 2**31  # llama.cpp numbers tokens with 32 bits, signed
_TOKEN_NUMBER = re.compile(r"[0-9]{1,10}")
_DEFAULTS = Sampling()


def chat_requests(body: ChatBody, *, user: str, priority: Priority) -> list[Generate]:
    """The generations that a chat body asks for. Raises InvalidRequestError."""
    if body.functions:
        raise InvalidRequestError("functions became tools; send them there.", param="functions")
    if not body.messages:
        raise InvalidRequestError("messages is empty; send at least one.", param="messages")
    num_logprobs = (body.top_logprobs or 0) if body.logprobs else None
    if body.top_logprobs is not None and not body.logprobs:
        raise InvalidRequestError("top_logprobs needs logprobs: true.", param="top_logprobs")
    choice = wanted_choice(body)
    first = Generate(
        model=body.model,
        messages=[
            ChatMessage(
                role=message.role,
                content=message.text(),
                name=message.name,
                tool_calls=earlier_calls(message.tool_calls),
                tool_call_id=message.tool_call_id,
            )
            for message in body.messages
        ],
        sampling=_sampling(body, num_logprobs),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        stop=_stops(body.stop),
        answer_schema=answer_schema(body.response_format),
        tools=offered_tools(body.tools),
        tool_choice=choice.choice,
        tool_name=choice.name,
        parallel_tool_calls=body.parallel_tool_calls is not False,
        user=user,
        priority=priority,
    )
    return _choices(first, body.n or 1)


def completion_requests(body: CompletionBody, *, user: str, priority: Priority) -> list[Generate]:
    """The generations that a completion body asks for, in order. Raises InvalidRequestError."""
    _refuse_unsupported_completion(body)
    prompts = _prompts(body)
    num_choices = body.n or 1
    if len(prompts) * num_choices > MAX_CHOICES:
        raise InvalidRequestError(
            f"{len(prompts)} prompts with n={num_choices} ask for more than {MAX_CHOICES} answers.",
            param="prompt",
        )
    return [
        request
        for prompt in prompts
        for request in _choices(
            Generate(
                model=body.model,
                prompt=prompt,
                sampling=_sampling(body, body.logprobs),
                max_tokens=body.max_tokens or _DEFAULT_COMPLETION_TOKENS,
                stop=_stops(body.stop),
                user=user,
                priority=priority,
            ),
            num_choices,
        )
    ]


def _choices(first: Generate, count: int) -> list[Generate]:
    """``count`` generations that differ by their seed, where one was given."""
    seed = first.sampling.seed
    if seed is None:
        return [first] * count
    return [
        replace(first, sampling=replace(first.sampling, seed=(seed + index) % _SEED_RANGE))
        for index in range(count)
    ]


def _sampling(body: SamplingBody, num_logprobs: int | None) -> Sampling:
    given = {
        name: value
        for name in (
            "temperature",
            "top_k",
            "top_p",
            "min_p",
            "repetition_penalty",
            "frequency_penalty",
            "presence_penalty",
        )
        if (value := getattr(body, name)) is not None
    }
    return replace(
        _DEFAULTS,
        **given,
        seed=None if body.seed is None else body.seed % _SEED_RANGE,
        logit_bias=_logit_bias(body.logit_bias),
        logprobs=num_logprobs,
    )


def _logit_bias(bias: dict[str, float] | None) -> dict[int, float]:
    return {_token_number(key): value for key, value in (bias or {}).items()}


def _token_number(key: str) -> int:
    if not _TOKEN_NUMBER.fullmatch(key):
        raise InvalidRequestError(
            "logit_bias has a key that is not a token number.", param="logit_bias"
        )
    return int(key)


def _stops(stop: str | list[str] | None) -> list[str]:
    stops = [stop] if isinstance(stop, str) else stop or []
    if len(stops) > _MAX_STOPS:
        raise InvalidRequestError(
            f"stop has {len(stops)} entries; at most {_MAX_STOPS} are allowed.", param="stop"
        )
    return stops


def _prompts(body: CompletionBody) -> list[str | list[int]]:
    prompt = body.prompt
    if not prompt:
        raise InvalidRequestError("prompt is empty; send a text.", param="prompt")
    if isinstance(prompt, str):
        return [prompt]
    if _is_tokens(prompt):
        return [prompt]
    if all(isinstance(item, str) or _is_tokens(item) for item in prompt):
        return list(prompt)
    raise InvalidRequestError(
        "prompt must be a text, a list of texts, a list of tokens or a list of those.",
        param="prompt",
    )


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and all(
        type(item) is int and abs(item) < _TOKEN_RANGE for item in value
    )


def _refuse_unsupported_completion(body: CompletionBody) -> None:
    for name, asked in (
        ("echo", body.echo),
        ("suffix", body.suffix),
        ("best_of", (body.best_of or 1) > (body.n or 1)),
    ):
        if asked:
            raise InvalidRequestError(
                f"{name} is not supported by this version; leave it out.", param=name
            )
