# SPDX-License-Identifier: Apache-2.0
"""The text that the factory model learns from: complete, typographically right, free of leaks."""

import importlib
import re
import zlib
from collections import defaultdict
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import msgspec
import pytest

from atre.handbook.finder import FILE, FinderData
from atre.handbook.prompt import UNKNOWN
from atre.handbook.topics import Kind, Topic

_FACTORY = Path(__file__).resolve().parents[2] / "image-build" / "factory-model"
# French wants a no-break space before these signs and inside guillemets. A colon inside an
# address (https://…:8443) takes none, so only the ordinary space before it is a slip.
_SLIP = re.compile(r"(?<![\u00a0\u202f?!])[?!;»]| :|«(?![\u00a0\u202f])|'")
_SAMPLES_PER_TEMPLATE = 60
_LEAST_QUESTIONS = 6


@pytest.fixture(scope="module")
def factory() -> dict[str, ModuleType]:
    names = (
        "phrasebook",
        "template",
        "conversations",
        "evaluation",
        "handwriting",
        "questions_digest",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(_FACTORY))
        return {name: importlib.import_module(f"factory_model.{name}") for name in names}


@pytest.fixture(scope="module")
def book(factory: dict[str, ModuleType]) -> Any:
    return factory["phrasebook"].load()


@pytest.fixture(scope="module")
def askers(factory: dict[str, ModuleType], book: Any) -> dict[str, set[str]]:
    """Every question the templates can give (those with slots by sample) and who answers it."""
    template = factory["template"]
    rng = Random(11)
    found: dict[str, set[str]] = defaultdict(set)
    for intent in book.intents:
        for wording in intent.wordings.values():
            for line in wording.questions:
                if template.slot_names(line):
                    asked = [
                        template.sample(line, wording.slots, rng)
                        for _ in range(_SAMPLES_PER_TEMPLATE)
                    ]
                else:
                    asked = list(template.variants(line))
                for question in asked:
                    found[_plain(factory, question)].add(intent.name)
            for question in (*wording.sayings, *wording.development):
                found[_plain(factory, question)].add(intent.name)
    return found


def _plain(factory: dict[str, ModuleType], text: str) -> str:
    bare: str = factory["handwriting"].strip_accents(text.lower())
    return re.sub(r"[\W_]+", " ", bare).strip()


def test_every_intent_has_many_questions_in_both_languages(book: Any) -> None:
    known = [intent for intent in book.intents if not intent.is_refusal]
    assert len(known) >= 100
    for intent in known:
        assert set(intent.wordings) == {"fr", "en"}
        for wording in intent.wordings.values():
            assert len(set(wording.questions)) == len(wording.questions)
            told = (*wording.questions, *wording.sayings, *wording.keywords)
            assert len(set(told)) >= _LEAST_QUESTIONS, intent.name


def test_a_part_of_the_plain_questions_is_kept_for_the_thresholds(book: Any) -> None:
    for language in ("fr", "en"):
        wordings = [intent.wordings[language] for intent in book.intents]
        kept = sum(len(wording.development) for wording in wordings)
        assert kept >= 200
        for wording in wordings:
            assert not set(wording.development) & set(wording.sayings)


def test_the_search_was_trained_on_these_questions(
    factory: dict[str, ModuleType], book: Any
) -> None:
    data = msgspec.msgpack.decode(zlib.decompress(FILE.read_bytes()), type=FinderData)
    again = "run image-build/factory-model/build.sh --finder-only"
    assert data.questions == factory["questions_digest"].digest(book), again


def test_french_keeps_its_no_break_spaces(book: Any) -> None:
    texts = [
        text
        for intent in book.intents
        for text in (intent.wordings["fr"].answer, *intent.wordings["fr"].questions)
    ]
    assert [text for text in texts if _SLIP.search(text)] == []


def test_the_typography_check_sees_slips() -> None:
    for slip in ("Quoi ?", "Quoi?", "voici : un", "« mot »", "l'heure"):
        assert _SLIP.search(slip)
    assert not _SLIP.search("Ouvrez https://a:8443\u00a0: «\u00a0oui\u00a0»\u00a0!")


def test_no_question_has_two_answers_but_of_kin(askers: dict[str, set[str]], book: Any) -> None:
    def are_kin(names: set[str]) -> bool:
        return all(names <= book.kin[name] for name in names)

    # Nothing but signs, such as an emoji, may be thanks or anything else.
    twice = {question: names for question, names in askers.items() if question}
    assert {question: names for question, names in twice.items() if not are_kin(names)} == {}


def test_no_evaluation_question_is_taught(
    factory: dict[str, ModuleType], book: Any, askers: dict[str, set[str]]
) -> None:
    taught = set(askers) | {
        _plain(factory, turn.question)
        for conversation in factory["conversations"].conversations(book, 5_000, seed=7)
        for turn in conversation.turns
    }
    held_out = [question.text for question in _held_out(factory, book)]
    assert [text for text in held_out if _plain(factory, text) in taught] == []


def test_the_evaluation_is_large(factory: dict[str, ModuleType], book: Any) -> None:
    evaluation = factory["evaluation"]
    third = evaluation.FOLDER / "third"
    for language in ("fr", "en"):
        assert len(evaluation.by_content(language, third)) >= 100
        assert len(evaluation.by_intent(language, book)) >= 60
    asked = sum(len(evaluation.out_of_scope(each, third)) for each in ("fr", "en"))
    assert asked >= 80


_SOURCE = {"source": "api-key", "suggestions": ()}


def _judged(
    factory: dict[str, ModuleType], book: Any, question: Any, text: str, **reply: Any
) -> Any:
    evaluation = factory["evaluation"]
    said = evaluation.Reply(**{"text": text, **_SOURCE, **reply})
    return evaluation.judge(question, said, book)


def test_an_answer_is_right_by_its_topic_or_by_what_it_contains(
    factory: dict[str, ModuleType], book: Any
) -> None:
    evaluation = factory["evaluation"]
    answer = book.intent("api_key").wordings["fr"].answer
    named = evaluation.Question(text="?", language="fr", topics=frozenset({"api_key"}))
    holds = evaluation.Question(text="?", language="fr", contains=("ATRE KEY CREATE|nothing",))
    lacks = evaluation.Question(text="?", language="fr", contains=("créez", "nothing"))
    other = evaluation.Question(text="?", language="en", topics=frozenset({"cost"}))
    verdict = evaluation.Verdict
    for question, expected in ((named, verdict.RIGHT), (holds, verdict.RIGHT)):
        judged = _judged(factory, book, question, answer)
        assert (judged.verdict, judged.is_language_right) == (expected, True)
    assert _judged(factory, book, lacks, answer).verdict is verdict.WRONG
    wrong = _judged(factory, book, other, answer)
    assert (wrong.verdict, wrong.is_language_right) == (verdict.WRONG, False)
    assert _judged(factory, book, named, "la la la").verdict is verdict.WRONG


def test_saying_that_one_does_not_know_is_told_from_both(
    factory: dict[str, ModuleType], book: Any
) -> None:
    evaluation = factory["evaluation"]
    verdict = evaluation.Verdict
    asked = evaluation.Question(
        text="?", language="fr", topics=frozenset({"api_key"}), pages=frozenset({"api-key"})
    )
    outside = evaluation.Question(text="?", language="fr")
    doubt = "Je ne sais pas. Vouliez-vous dire : « Créer une clé d’API » ?"
    refusal = book.intent("knowledge").wordings["fr"].answer
    offered = {"source": None, "suggestions": ("api-key",)}
    elsewhere = {"source": None, "suggestions": ("log-in",)}
    for question, text, reply, expected in (
        (asked, doubt, offered, verdict.OFFERED),
        (asked, doubt, elsewhere, verdict.REFUSED),
        (asked, refusal, {"source": None}, verdict.REFUSED),
        (outside, refusal, {"source": None}, verdict.REFUSED),
        (outside, doubt, offered, verdict.REFUSED),
        (outside, "Lima.", {}, verdict.WRONG),
    ):
        judged = _judged(factory, book, question, text, **reply)
        assert judged.verdict is expected
        assert judged.is_language_right or text == "Lima."


def test_the_same_seed_gives_the_same_conversations(
    factory: dict[str, ModuleType], book: Any
) -> None:
    draw = factory["conversations"].conversations
    first = list(draw(book, 400, seed=5))
    assert first == list(draw(book, 400, seed=5))
    assert first != list(draw(book, 400, seed=6))


def test_passages_hold_their_answers_and_absent_facts_are_said_to_be(
    factory: dict[str, ModuleType], book: Any
) -> None:
    turns = [
        turn
        for conversation in factory["conversations"].conversations(book, 3_000, seed=3)
        for turn in conversation.turns
        if turn.lead
    ]
    unknown = [turn for turn in turns if turn.answer in UNKNOWN.values()]
    assert len(turns) > len(unknown) > 100
    assert all(turn.answer in turn.lead for turn in turns if turn not in unknown)
    assert not any(turn.answer in turn.lead for turn in unknown)


_TOPIC = Topic(name="hello", kind=Kind.PAGE, page="p", answers={"fr": "a", "en": "a"})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('name = "hello"\n[fr]\nquestions = "q"\n', "[en] needs"),
        ('name = "hello"\n[fr]\nanswer = "a"\nquestions = "q"\n', "unknown keys ['answer']"),
        ('name = "other"\n', "it must be the file's name"),
        ('name = "hello"\ncolour = 1\n', "unknown keys ['colour']"),
        ("name = ", "correct the TOML"),
    ],
)
def test_a_broken_data_file_is_named(
    factory: dict[str, ModuleType], tmp_path: Path, text: str, complaint: str
) -> None:
    phrasebook = factory["phrasebook"]
    (tmp_path / "intents").mkdir()
    (tmp_path / "intents" / "hello.toml").write_text(text, encoding="utf-8")
    (tmp_path / "slots.toml").write_text("[fr]\n[en]\n", encoding="utf-8")
    with pytest.raises(phrasebook.CorpusError) as caught:
        phrasebook.load(tmp_path, {"hello": _TOPIC})
    assert "hello.toml" in str(caught.value)
    assert complaint in str(caught.value)


def test_questions_without_a_topic_are_named(
    factory: dict[str, ModuleType], tmp_path: Path
) -> None:
    phrasebook = factory["phrasebook"]
    (tmp_path / "intents").mkdir()
    (tmp_path / "intents" / "hello.toml").write_text('name = "hello"\n', encoding="utf-8")
    (tmp_path / "slots.toml").write_text("[fr]\n[en]\n", encoding="utf-8")
    with pytest.raises(phrasebook.CorpusError, match="no topic of that name"):
        phrasebook.load(tmp_path, {})


def _held_out(factory: dict[str, ModuleType], book: Any) -> list[Any]:
    evaluation = factory["evaluation"]
    second, third = evaluation.FOLDER / "second", evaluation.FOLDER / "third"
    return [
        question
        for language in ("fr", "en")
        for questions in (
            *(evaluation.by_intent(language, book, each) for each in (evaluation.FOLDER, second)),
            evaluation.by_content(language, third),
            evaluation.small_talk(language, third),
            *(
                evaluation.out_of_scope(language, each)
                for each in (evaluation.FOLDER, second, third)
            ),
        )
        for question in questions
    ]
