# SPDX-License-Identifier: Apache-2.0
"""The short answers: each has its page, both languages, and names only commands that exist."""

import re
from pathlib import Path

import click
import pytest

from atre.cli import main as atre
from atre.errors import ConfigError
from atre.handbook.page import default_handbook_dir, load_pages
from atre.handbook.topics import LANGUAGES, Kind, load_topics

TOPICS = load_topics()
QUOTED = re.compile(r"«\u00a0(.+?)\u00a0»|“(.+?)”")
FRENCH_SLIP = re.compile(r"(?<![\u00a0\u202f?!])[?!;»]| :|«(?![\u00a0\u202f])|'")
LONGEST_LETTERS = 520  # three sentences, and a passage that leaves the model's window free


def test_every_topic_of_a_page_names_a_page_that_exists() -> None:
    pages = {page.name for page in load_pages(default_handbook_dir())}
    named = {topic.page for topic in TOPICS.values() if topic.kind is Kind.PAGE}
    assert named <= pages


def test_talk_has_no_page() -> None:
    talk = [topic for topic in TOPICS.values() if topic.kind is not Kind.PAGE]
    assert {topic.page for topic in talk} == {""}
    assert {topic.kind for topic in talk} == {Kind.SMALL_TALK, Kind.OUT_OF_SCOPE}


@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_are_short_and_different(language: str) -> None:
    answers = [topic.answers[language] for topic in TOPICS.values()]
    assert len(set(answers)) == len(answers)
    assert max(map(len, answers)) <= LONGEST_LETTERS


def test_french_answers_keep_their_no_break_spaces() -> None:
    answers = [topic.answers["fr"] for topic in TOPICS.values()]
    prose = [re.sub(r"ARGS=\"[^\"]*\"|https?://\S+", "", answer) for answer in answers]
    assert [text for text in prose if FRENCH_SLIP.search(text)] == []


def _commands() -> set[str]:
    """Every verb and sub-verb of atre, as "key" and "key create"."""
    found = set()
    for name, verb in atre.commands.items():
        found.add(name)
        if isinstance(verb, click.Group):
            found |= {f"{name} {each}" for each in verb.commands}
    return found


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
def test_an_answer_names_only_commands_that_exist(topic: object) -> None:
    known = _commands()
    for answer in topic.answers.values():  # type: ignore[attr-defined]
        for french, english in QUOTED.findall(answer):
            words = (french or english).split()
            if words[0] != "atre" or len(words) == 1:
                continue
            verb = " ".join(words[1:3]) if words[1] in {"key", "model"} else words[1]
            assert verb in known or words[1:] == ["key"], (topic, french or english)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[topic]]\nname = 'a'\nfr = 'x'\n", "'en'"),
        ("topic = ", "cannot be read"),
        ("[[topic]]\nname='a'\nfr='x'\nen='y'\n" * 2, "'a' is there twice"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "page.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(complaint)) as caught:
        load_topics(tmp_path)
    assert "page.toml" in str(caught.value)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no topic"):
        load_topics(tmp_path)
