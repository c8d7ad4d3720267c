# SPDX-License-Identifier: Apache-2.0
"""What the embedder's socket refuses, whoever is on its other end."""

import msgspec
import pytest

from atre.embedder.prepare import prepare
from atre.errors import ContextLengthError, InvalidRequestError, ModelNotFoundError, RequestError
from atre.ipc.failure import error_from, failure
from atre.ipc.messages import MAX_INPUTS, Embed, EmbedderDescription, EmbedderRequest

DESCRIPTION = EmbedderDescription(
    model="bge", name="BGE", dimensions=8, max_input_tokens=1000, pooling="cls", threads=1,
    started_at=0.0, num_open=0, inputs_total=0, tokens_total=0,
)  # fmt: skip


class Letters:
    """A token a letter, and one at each end."""

    num_tokens = 1000

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        assert add_special
        return [0, *map(ord, text), 0] if text.strip() else []


def tokens_of(request: Embed) -> list[list[int]]:
    return [tokens.tolist() for tokens in prepare(request, Letters(), DESCRIPTION)]


def test_texts_are_tokenised_in_order() -> None:
    assert tokens_of(Embed(texts=["a", "bc"], model="bge")) == [[0, 97, 0], [0, 98, 99, 0]]


def test_tokens_whose_tokenizer_is_named_are_taken_as_they_are() -> None:
    asked = Embed(tokens=[[5, 6], [7]], tokenizer="bge")
    assert tokens_of(asked) == [[5, 6], [7]]


@pytest.mark.parametrize("tokenizer", [None, "", "cl100k_base"])
def test_tokens_of_a_foreign_tokenizer_are_refused(tokenizer: str | None) -> None:
    with pytest.raises(InvalidRequestError, match="check_embedding_ctx_length=False") as refused:
        tokens_of(Embed(tokens=[[5, 6]], tokenizer=tokenizer))
    assert refused.value.param == "input"
    assert '"tokenizer": "bge"' in refused.value.message


@pytest.mark.parametrize(
    ("request_", "kind", "param"),
    [
        (Embed(), InvalidRequestError, "input"),
        (Embed(texts=["a", ""]), InvalidRequestError, "input[1]"),
        (Embed(texts=["a", " "]), InvalidRequestError, "input[1]"),
        (Embed(tokens=[[]], tokenizer="bge"), InvalidRequestError, "input[0]"),
        (Embed(tokens=[[1], [1000]], tokenizer="bge"), InvalidRequestError, "input[1]"),
        (Embed(tokens=[[-1]], tokenizer="bge"), InvalidRequestError, "input[0]"),
        (Embed(texts=["a"], dimensions=9), InvalidRequestError, "dimensions"),
        (Embed(texts=["a"], model="factory"), ModelNotFoundError, "model"),
        (Embed(texts=["a"] * 3 + ["a" * 999]), ContextLengthError, "input[3]"),
        (Embed(texts=["a" * 998] * 301), InvalidRequestError, "input"),
    ],
)
def test_what_cannot_be_embedded_names_the_field(
    request_: Embed, kind: type[RequestError], param: str
) -> None:
    with pytest.raises(kind) as refused:
        tokens_of(request_)
    assert refused.value.param == param


def test_the_largest_request_passes() -> None:
    assert len(tokens_of(Embed(texts=["a" * 998] * 300))) == 300


def test_both_numbers_of_an_overflow_cross_the_socket() -> None:
    with pytest.raises(ContextLengthError) as refused:
        tokens_of(Embed(texts=["a" * 1100]))
    rebuilt = error_from(failure(refused.value))
    assert isinstance(rebuilt, ContextLengthError)
    assert (rebuilt.num_tokens, rebuilt.limit) == (1102, 1000)
    assert str(rebuilt) == str(refused.value)
    assert "1102" in str(rebuilt)
    assert "at most 1000" in str(rebuilt)


@pytest.mark.parametrize(
    "fields",
    [{"texts": ["a"] * (MAX_INPUTS + 1)}, {"tokens": [[1]] * (MAX_INPUTS + 1)}, {"dimensions": 0}],
)
def test_limits_hold_on_the_socket_too(fields: dict[str, object]) -> None:
    body = msgspec.msgpack.encode({"type": "Embed"} | fields)
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(body, type=EmbedderRequest)
