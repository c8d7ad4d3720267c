# SPDX-License-Identifier: Apache-2.0
import pytest
from flask import Flask

from atre.sentence import Sentence
from atre_web.panel.wording import curled, said


@pytest.mark.parametrize(
    ("plain", "printed"),
    [
        ("This machine's network is not the box's.", "This machine’s network is not the box’s."),
        ("It doesn't know the managers' keys.", "It doesn’t know the managers’ keys."),
        ("No model 'nobody' is stored.", "No model “nobody” is stored."),
        ("The profile 'Any computer' fits.", "The profile “Any computer” fits."),
        ("Run `atre model use 'a b'`, not 'c'.", "Run `atre model use 'a b'`, not “c”."),
        ("'mon-fri 19:00-07:00'.", "“mon-fri 19:00-07:00”."),
        ("5' or 6'", "5' or 6'"),
        ("", ""),
    ],
)
def test_the_daemons_english_is_printed_as_a_page_has_it(plain: str, printed: str) -> None:
    assert curled(plain) == printed


def test_french_is_left_as_it_was_written(chat_app: Flask) -> None:
    sentence = Sentence("The box's own.", "Celui d'ici.")
    for language, words in (("en", "The box’s own."), ("fr", "Celui d'ici.")):
        with chat_app.test_request_context(headers={"Accept-Language": language}):
            assert said(sentence) == words
