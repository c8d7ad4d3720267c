# SPDX-License-Identifier: Apache-2.0
"""One of something is said as one: French counts nothing as one too, English does not."""

import pytest
from flask import Flask

from atre.plan.fit_words import shared_context
from atre.sentence import counted
from atre_web.chat.message import Message
from atre_web.panel.account_texts import too_many_tries
from atre_web.panel.chat_view import note
from atre_web.panel.texts import chat_texts


def test_a_number_and_what_it_counts() -> None:
    assert [counted(n, "row", "rows") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
    french = [counted(n, "ligne", "lignes", french=True) for n in (0, 1, 2)]
    assert french == ["0 ligne", "1 ligne", "2 lignes"]


@pytest.mark.parametrize(
    ("language", "shown"),
    [("fr", ["0 jeton ", "1 jeton ", "2 jetons "]), ("en", ["0 tokens ", "1 token ", "2 tokens "])],
)
def test_what_an_answer_cost(chat_app: Flask, language: str, shown: list[str]) -> None:
    with chat_app.test_request_context(headers={"Accept-Language": language}):
        for tokens, words in enumerate(shown):
            assert note(_answer(tokens)).startswith(words)


@pytest.mark.parametrize(("language", "second"), [("fr", "une seconde"), ("en", "one second")])
def test_a_second_to_wait(chat_app: Flask, language: str, second: str) -> None:
    with chat_app.test_request_context(headers={"Accept-Language": language}):
        assert second in too_many_tries(1)
        assert "2 second" in too_many_tries(2)


def test_scripts_have_both_sentences_of_what_they_count(chat_app: Flask) -> None:
    with chat_app.test_request_context(headers={"Accept-Language": "en"}):
        texts = chat_texts()
    singular = {key for key in texts if key.endswith("_one")}
    assert singular == {"usage_one", "usage_short_one", "error_queue_one", "file_tokens_one"}
    for key in singular:
        assert "tokens " not in texts[key] + " "
        assert texts[key.removesuffix("_one")] != texts[key]


def test_a_box_that_serves_one_at_a_time_shares_nothing() -> None:
    alone = shared_context(1, 4096)
    assert alone.text.startswith("One request at a time")
    assert alone.text_fr.startswith("Une demande à la fois")


def _answer(tokens: int) -> Message:
    return Message(
        id=1,
        parent_id=None,
        role="assistant",
        state="done",
        text="Oui.",
        completion_tokens=tokens,
        seconds=2.0,
        created_at=0.0,
    )
