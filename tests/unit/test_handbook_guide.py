# SPDX-License-Identifier: Apache-2.0
"""How a question to the factory model is answered: decided from the guesses alone."""

from collections.abc import Mapping

import pytest

from atre.handbook.doubt import did_you_mean
from atre.handbook.finder import Guess
from atre.handbook.grounded import is_grounded
from atre.handbook.guide import Guide
from atre.handbook.handbook import Handbook
from atre.handbook.page import default_handbook_dir
from atre.handbook.plan import PageLink
from atre.handbook.prompt import UNKNOWN
from atre.handbook.topics import load_topics

TOPICS = load_topics()
HANDBOOK = Handbook(default_handbook_dir())


class Guesses:
    """A finder that says what it is told to, by question; the rest of the sum is spread thin."""

    def __init__(
        self, by_question: Mapping[str, Mapping[str, float]], language: str = "en", sure: float = 1
    ) -> None:
        self._by_question = by_question
        self._language = Guess(language, sure)

    def find(self, question: str, language: str) -> list[Guess]:
        del language
        told = self._by_question.get(question)
        if told is None:
            return []
        rest = (1 - sum(told.values())) / (len(TOPICS) - len(told))
        guesses = [Guess(name, told.get(name, rest)) for name in TOPICS]
        return sorted(guesses, key=lambda guess: -guess.probability)

    def language(self, question: str) -> Guess:
        del question
        return self._language


def guide(
    by_question: Mapping[str, Mapping[str, float]], language: str = "en", sure: float = 1
) -> Guide:
    return Guide(HANDBOOK, Guesses(by_question, language, sure), TOPICS)


def test_a_sure_guess_gives_the_model_the_short_answer_and_its_page_as_source() -> None:
    plan = guide({"a key?": {"api_key": 0.9}}).plan(["a key?"], "fr")
    assert plan.prompt is not None
    assert TOPICS["api_key"].answers["en"] in plan.prompt
    assert plan.prompt.endswith("a key?")
    reply = plan.reply("Name the key and make it.", 0.99)
    assert reply.text == "Name the key and make it."
    assert reply.source == PageLink("api-key", "Make an API key")
    assert reply.suggestions == ()


def test_near_topics_of_one_page_add_up() -> None:
    shared = {"key_list": 0.2, "key_revoke": 0.2, "api_key": 0.15}
    assert guide({"keys": shared}).plan(["keys"], "en").prompt is not None


def test_an_unsure_guess_is_settled_without_the_model() -> None:
    unsure = {"backup": 0.15, "reset": 0.1, "cost": 0.12, "bench": 0.08}
    plan = guide({"hm": unsure}).plan(["hm"], "en")
    assert plan.prompt is None
    reply = plan.reply("I am sure of it.", 1.0)
    assert reply.source is None
    assert [link.page for link in reply.suggestions] == [
        "back-up",
        "about-atre",
        "keep-the-data",
    ]
    assert all(link.title in reply.text for link in reply.suggestions)


@pytest.mark.parametrize(
    ("answer", "probability"),
    [
        ("", 1.0),
        (UNKNOWN["en"], 1.0),
        ("Name the key and make it.", 0.2),
        ("Type atre key destroy.", 1.0),
    ],
)
def test_a_doubtful_answer_gives_way_to_did_you_mean(answer: str, probability: float) -> None:
    reply = guide({"a key?": {"api_key": 0.4}}).plan(["a key?"], "en").reply(answer, probability)
    assert reply.source is None
    assert reply.suggestions[0].page == "api-key"
    assert reply.text == did_you_mean([link.title for link in reply.suggestions], "en")


def test_where_the_search_is_certain_a_slip_of_the_model_gives_way_to_the_passage() -> None:
    plan = guide({"a key?": {"api_key": 0.9}}).plan(["a key?"], "en")
    reply = plan.reply("Type atre key destroy.", 1.0)
    assert reply.text == TOPICS["api_key"].answers["en"]
    assert reply.source == PageLink("api-key", "Make an API key")


@pytest.mark.parametrize(
    ("answer", "is_it"),
    [
        ("Allow TCP port 8443.", True),
        ("ALLOW TCP PORT 8443", True),
        ("Allow TCP port 8444.", False),
        ("Allow UDP port 8443.", False),
        ("Type atre serve --lan.", True),
        ("Type atre serve --wan.", False),
    ],
)
def test_an_answer_may_hold_only_what_its_passage_holds(answer: str, *, is_it: bool) -> None:
    assert is_grounded(answer, "Type “atre serve --lan” and allow TCP port 8443.") is is_it


def test_out_of_scope_is_said_by_its_own_sentence() -> None:
    plan = guide({"rhyme": {"drafting": 0.4, "knowledge": 0.2}}).plan(["rhyme"], "en")
    assert plan.prompt is None
    reply = plan.reply("Roses are red.", 1.0)
    assert reply.text == TOPICS["drafting"].answers["en"]
    assert (reply.source, reply.suggestions) == (None, ())


def test_nothing_found_at_all_says_what_the_box_knows() -> None:
    reply = guide({}).plan(["xyzzy"], "en").reply("", 0.0)
    assert reply.text == TOPICS["knowledge"].answers["en"]


def test_small_talk_is_asked_as_it_is_and_held_to_its_own_sentence() -> None:
    plan = guide({"hello": {"greeting": 0.8}}).plan(["hello"], "en")
    assert plan.prompt == "hello"
    said = TOPICS["greeting"].answers["en"]
    for answer in (said, "Delete the data folder.", UNKNOWN["en"]):
        reply = plan.reply(answer, 0.99)
        assert (reply.text, reply.source, reply.suggestions) == (said, None, ())


def test_a_short_follow_up_is_read_after_the_question_before() -> None:
    told = {
        "and on my phone?": {"cost": 0.1},
        "connect how? and on my phone?": {"connect_phone": 0.9},
    }
    plan = guide(told).plan(["connect how?", "and on my phone?"], "en")
    assert plan.source == PageLink("open-the-panel", "Open the panel")
    assert plan.prompt is not None
    assert plan.prompt.endswith("and on my phone?")


def test_a_long_question_stands_alone() -> None:
    long = "and is there by any chance a way to do it"
    told = {long: {"cost": 0.1}, f"before {long}": {"connect_phone": 0.9}}
    assert guide(told).plan(["before", long], "en").prompt is None


def test_the_language_is_that_of_the_question_or_else_the_readers() -> None:
    told = {"clé ?": {"api_key": 0.9}}
    assert guide(told, "fr").plan(["clé ?"], "en").source == PageLink(
        "api-key", "Créer une clé d’API"
    )
    assert guide(told, "en", sure=0.5).plan(["clé ?"], "fr").language == "fr"


@pytest.mark.parametrize(
    ("titles", "language", "text"),
    [
        (["A"], "en", "I do not know. Did you mean: “A”?"),
        (["A", "B", "C"], "en", "I do not know. Did you mean: “A”, “B” or “C”?"),
        (
            ["A", "B"],
            "fr",
            "Je ne sais pas. Vouliez-vous dire\u00a0: «\u00a0A\u00a0» ou «\u00a0B\u00a0»\u00a0?",
        ),
    ],
)
def test_did_you_mean_names_the_pages(titles: list[str], language: str, text: str) -> None:
    assert did_you_mean(titles, language) == text
