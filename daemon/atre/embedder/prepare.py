# SPDX-License-Identifier: Apache-2.0
"""From a request to the tokens of its inputs, or to what is wrong with it."""

from collections.abc import Iterator

import numpy as np

from atre.embedder.encoder import Tokenizer, Tokens
from atre.errors import ContextLengthError, InvalidRequestError, ModelNotFoundError
from atre.ipc.messages import Embed, EmbedderDescription

# OpenAI's own limit for one request: minutes on a small box, and a bound on what waits in memory.
_MAX_TOKENS = 300_000


def prepare(request: Embed, tokenizer: Tokenizer, description: EmbedderDescription) -> list[Tokens]:
    """The tokens of every input, in order. Raises RequestError that names the field at fault."""
    _check_model(request, description)
    _check_dimensions(request, description)
    inputs: list[Tokens] = []
    total = 0
    for index, tokens in enumerate(_read_inputs(request, tokenizer, description)):
        total += _check_length(index, len(tokens), total, description)
        inputs.append(np.asarray(tokens, np.int32))
    if not inputs:
        raise InvalidRequestError("input is empty; send at least one text.", param="input")
    return inputs


def _read_inputs(
    request: Embed, tokenizer: Tokenizer, description: EmbedderDescription
) -> Iterator[list[int]]:
    if request.tokens:
        _check_tokenizer(request, description)
        for index, tokens in enumerate(request.tokens):
            _check_range(index, tokens, tokenizer.num_tokens)
            yield tokens
    for text in request.texts:
        yield tokenizer.tokenize(text, add_special=True) if text else []


def _check_model(request: Embed, description: EmbedderDescription) -> None:
    if request.model and request.model != description.model:
        raise ModelNotFoundError(
            f"The embedding model {request.model[:200]!r} is not on this box. Use "
            f"{description.model!r}, or leave the field out.",
            param="model",
        )


def _check_dimensions(request: Embed, description: EmbedderDescription) -> None:
    if request.dimensions and request.dimensions > description.dimensions:
        raise InvalidRequestError(
            f"dimensions is {request.dimensions}, but the vectors of {description.model!r} have "
            f"{description.dimensions}. Ask for as many or fewer.",
            param="dimensions",
        )


def _check_tokenizer(request: Embed, description: EmbedderDescription) -> None:
    if request.tokenizer != description.model:
        raise InvalidRequestError(
            "input holds token numbers, and nothing says that they are this model's: those of "
            "OpenAI's tokenizer would give vectors without meaning. Send texts: in LangChain's "
            "OpenAIEmbeddings, set check_embedding_ctx_length=False. If you made the numbers with "
            f'this model\'s own tokenizer, add "tokenizer": "{description.model}".',
            param="input",
        )


def _check_range(index: int, tokens: list[int], num_tokens: int) -> None:
    if any(not 0 <= token < num_tokens for token in tokens):
        raise InvalidRequestError(
            f"input[{index}] has a token number outside this model's vocabulary, "
            f"0 to {num_tokens - 1}.",
            param=f"input[{index}]",
        )


def _check_length(index: int, num_tokens: int, total: int, description: EmbedderDescription) -> int:
    field = f"input[{index}]"
    if num_tokens == 0:
        raise InvalidRequestError(f"{field} is empty; send a text.", param=field)
    if num_tokens > description.max_input_tokens:
        raise ContextLengthError(
            num_tokens,
            description.max_input_tokens,
            param=field,
            message=(
                f"{field} has {num_tokens} tokens, but the embedding model reads at most "
                f"{description.max_input_tokens} at once. Split it; nothing is ever cut silently."
            ),
        )
    if total + num_tokens > _MAX_TOKENS:
        raise InvalidRequestError(
            f"The inputs have more than {_MAX_TOKENS} tokens together. Send several requests.",
            param="input",
        )
    return num_tokens
