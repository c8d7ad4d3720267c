# SPDX-License-Identifier: Apache-2.0
"""The text that the factory model learns from: complete, typographically right, free of leaks."""

import importlib
import re
from collections import defaultdict
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

_FACTORY = Path(__file__).resolve().parents[2] / "image-build" / "factory-model"
# French wants a no-break space before these signs and inside guillemets. A colon inside an
# address (https://…:8443) takes none, so only the ordinary space before it is a slip.
_SLIP = re.compile(r"(?<![\u00a0\u202f?!])[?!;»]| :|«(?![\u00a0\u202f])|'")
_SAMPLES_PER_TEMPLATE = 60


@pytest.fixture(scope="module")
def factory() -> dict[str, ModuleType]:
    names = ("phrasebook", "template", "conversations", "evaluation", "handwriting")
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
    return found


def _plain(factory: dict[str, ModuleType], text: str) -> str:
    bare: str = factory["handwriting"].strip_accents(text.lower())
    return re.sub(r"[\W_]+", " ", bare).strip()


def test_every_intent_has_many_questions_in_both_languages(book: Any) -> None:
    known = [intent for intent in book.intents if not intent.is_refusal]
    assert len(known) >= 50
    for intent in known:
        assert set(intent.wordings) == {"fr", "en"}
        for wording in intent.wordings.values():
            assert len(set(wording.questions)) == len(wording.questions) >= 24, intent.name


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


def test_no_question_has_two_answers(askers: dict[str, set[str]]) -> None:
    assert {question: names for question, names in askers.items() if len(names) > 1} == {}


def test_no_evaluation_question_is_taught(
    factory: dict[str, ModuleType], book: Any, askers: dict[str, set[str]]
) -> None:
    taught = set(askers) | {
        _plain(factory, turn.question)
        for conversation in factory["conversations"].conversations(book, 5_000, seed=7)
        for turn in conversation.turns
    }
    held_out = [question.text for question in _held_out(factory)]
    assert [text for text in held_out if _plain(factory, text) in taught] == []


def test_the_evaluation_is_large_and_expects_known_intents(
    factory: dict[str, ModuleType], book: Any
) -> None:
    evaluation = factory["evaluation"]
    names = {intent.name for intent in book.intents} | {evaluation.REFUSAL}
    for language in ("fr", "en"):
        assert len(evaluation.in_scope(language)) >= 60
    assert sum(len(evaluation.out_of_scope(language)) for language in ("fr", "en")) >= 40
    assert all(question.expected <= names for question in _held_out(factory))


def test_every_known_answer_is_recognised(factory: dict[str, ModuleType], book: Any) -> None:
    evaluation = factory["evaluation"]
    for name, language in (("api_key", "fr"), ("stop_answer", "en"), ("backup", "fr")):
        question = evaluation.Question("?", language, frozenset({name}))
        answer = book.intent(name).wordings[language].answer
        judgement = evaluation.judge(question, answer, book)
        assert judgement.verdict is evaluation.Verdict.RIGHT
        assert judgement.is_language_right


def test_a_wrong_answer_and_noise_are_told_from_a_right_one(
    factory: dict[str, ModuleType], book: Any
) -> None:
    evaluation = factory["evaluation"]
    question = evaluation.Question("?", "fr", frozenset({"api_key"}))
    english_licence = book.intent("licence").wordings["en"].answer
    wrong = evaluation.judge(question, english_licence, book)
    assert wrong.verdict is evaluation.Verdict.WRONG
    assert not wrong.is_language_right
    refused = evaluation.judge(question, book.intent("knowledge").wordings["fr"].answer, book)
    assert refused.verdict is evaluation.Verdict.REFUSED
    assert evaluation.judge(question, "la la la", book).verdict is evaluation.Verdict.BROKEN


def test_the_same_seed_gives_the_same_conversations(
    factory: dict[str, ModuleType], book: Any
) -> None:
    draw = factory["conversations"].conversations
    first = list(draw(book, 400, seed=5))
    assert first == list(draw(book, 400, seed=5))
    assert first != list(draw(book, 400, seed=6))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('name = "hello"\n[fr]\nanswer = "a"\nquestions = "q"\n', "[en] needs"),
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
        phrasebook.load(tmp_path)
    assert "hello.toml" in str(caught.value)
    assert complaint in str(caught.value)


def _held_out(factory: dict[str, ModuleType]) -> list[Any]:
    evaluation = factory["evaluation"]
    return [
        question
        for folder in (evaluation.FOLDER, evaluation.FOLDER / "second")
        for language in ("fr", "en")
        for ask in (evaluation.in_scope, evaluation.out_of_scope)
        for question in ask(language, folder)
    ]
