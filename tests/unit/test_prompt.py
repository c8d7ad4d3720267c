# SPDX-License-Identifier: Apache-2.0
import pytest

from atre.engine.chat_template import PLAIN_TEMPLATE, ChatTemplate
from atre.engine.prompt import prepare
from atre.errors import ContextLengthError, InvalidRequestError
from atre.ipc.messages import ChatMessage, Generate, Sampling


class Bytes:
    """A token a byte, and one at the start if special tokens are wanted."""

    num_tokens = 257

    def tokenize(self, text: str, *, add_special: bool) -> list[int]:
        return [256] * add_special + list(text.encode())

    def piece(self, token: int) -> bytes:
        return bytes([token])

    def is_end(self, token: int) -> bool:
        return token == 256


PLAIN = ChatTemplate(PLAIN_TEMPLATE, bos_token="", eos_token="")
USER = ChatMessage(role="user", content="ab")


def test_max_tokens_is_what_is_asked_or_what_the_window_leaves() -> None:
    assert prepare(Generate(prompt="abc"), Bytes(), PLAIN, window=10).max_tokens == 6
    asked = Generate(prompt="abc", max_tokens=2)
    assert prepare(asked, Bytes(), PLAIN, window=10).max_tokens == 2


def test_a_template_that_writes_the_first_token_does_not_get_a_second() -> None:
    source = "{{ bos_token }}{{ messages[0].content }}"
    with_bos = ChatTemplate(source, bos_token="^", eos_token="")
    request = Generate(messages=[USER])
    assert prepare(request, Bytes(), with_bos, window=10).tokens == list(b"^ab")
    without = ChatTemplate(source, bos_token="", eos_token="")
    assert prepare(request, Bytes(), without, window=10).tokens == [256, *b"ab"]


@pytest.mark.parametrize(
    ("request_", "needed"),
    [
        (Generate(prompt="x" * 30), 32),
        (Generate(prompt="xyz", max_tokens=100), 104),
        (Generate(prompt=list(range(25)), max_tokens=1), 26),
    ],
)
def test_what_does_not_fit_is_an_error_with_both_numbers(request_: Generate, needed: int) -> None:
    with pytest.raises(ContextLengthError) as caught:
        prepare(request_, Bytes(), PLAIN, window=20)
    assert (caught.value.num_tokens, caught.value.limit) == (needed, 20)


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (Generate(messages=[]), "messages"),
        (Generate(prompt=[]), "prompt"),
        (Generate(), "prompt"),
        (Generate(prompt=[3, 999]), "prompt"),
        (Generate(prompt=[-1]), "prompt"),
        (Generate(prompt="a", max_tokens=0), "max_tokens"),
        (Generate(prompt="a", stop=["x"] * 17), "stop"),
        (Generate(prompt="a", stop=[""]), "stop"),
        (Generate(prompt="a", stop=["x" * 257]), "stop"),
        (Generate(prompt="a", sampling=Sampling(logit_bias={300: 1.0})), "logit_bias"),
    ],
)
def test_a_wrong_request_names_its_field(request_: Generate, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        prepare(request_, Bytes(), PLAIN, window=100)
    assert caught.value.param == param
