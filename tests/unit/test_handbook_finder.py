# SPDX-License-Identifier: Apache-2.0
"""The search by clues: the file that ships is whole, small, and learnt from today's questions."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.errors import ConfigError
from atre.handbook.clues import clues
from atre.handbook.finder import FILE, Finder
from atre.handbook.topics import LANGUAGES, load_topics

FINDER = Finder()
LARGEST_BYTES = 1_000_000


def test_case_accents_and_ligatures_do_not_count_but_tell_french() -> None:
    words, parts = clues("Où est la CLÉ du cœur ?")
    plain_words, plain_parts = clues("ou est la cle du coeur")
    assert words == plain_words | {"+accents"}
    assert parts == plain_parts


def test_the_name_of_the_box_is_no_french_spelling() -> None:
    assert "+accents" not in clues("where is Âtre?")[0]


def test_neighbours_are_a_clue_and_a_typing_mistake_keeps_most_parts() -> None:
    right, wrong = clues("api keys"), clues("api keyz")
    assert "api keys" in right[0]
    assert len(right[1] & wrong[1]) >= len(right[1]) // 2


def test_a_page_pasted_whole_costs_no_more_than_a_question() -> None:
    words, parts = clues("word" + " longer" * 100_000 + " x" * 100_000)
    assert len(words) + len(parts) < 1000
    assert len(clues("a" * 1_000_000)[1]) < 1000


def test_the_file_is_small_and_knows_every_topic() -> None:
    assert FILE.stat().st_size <= LARGEST_BYTES
    for language in LANGUAGES:
        found = {guess.name for guess in FINDER.find("bonjour hello", language)}
        assert found == set(load_topics())


@given(st.text(), st.sampled_from(LANGUAGES))
def test_any_text_has_probabilities_or_none(text: str, language: str) -> None:
    guesses = FINDER.find(text, language)
    if guesses:
        assert sum(guess.probability for guess in guesses) == pytest.approx(1.0)
        assert guesses == sorted(guesses, key=lambda guess: -guess.probability)
    assert FINDER.language(text).name in LANGUAGES


@pytest.mark.parametrize(
    ("question", "language", "topic"),
    [
        ("comment créer une clé d’API ?", "fr", "api_key"),
        ("how do I create an API key?", "en", "api_key"),
        ("commnet instaler le certificat sur mon iphone", "fr", "certificate_iphone"),
        ("what's the weather like tomorrow", "en", "live"),
        ("merci beaucoup", "fr", "thanks"),
    ],
)
def test_plain_questions_find_their_topic(question: str, language: str, topic: str) -> None:
    assert FINDER.find(question, language)[0].name == topic
    assert FINDER.language(question).name == language


@pytest.mark.parametrize("content", [b"", b"\x00garbage", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "finder.bin"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"finder\.bin"):
        Finder(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.bin"):
        Finder(tmp_path / "nothing.bin")
