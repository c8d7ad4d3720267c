# SPDX-License-Identifier: Apache-2.0
"""Judging answers: which known answer is it, in which language, and was it the right one."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from pathlib import Path
from typing import Any

from factory_model.phrasebook import LANGUAGES, Phrasebook

FOLDER = Path(__file__).resolve().parent.parent / "evaluation"
REFUSAL = "refusal"
# Below this likeness (0 to 1) an answer is no known answer: broken text, or two answers mixed.
_SAME_ANSWER = 0.85


class Verdict(Enum):
    """What an answer is worth to the person who asked."""

    RIGHT = "right"
    REFUSED = "refused though it is known"
    WRONG = "another answer, with confidence"
    BROKEN = "no known answer"


@dataclass(frozen=True, slots=True)
class Question:
    """A held-out question, its language, and the intents that answer it."""

    text: str
    language: str
    expected: frozenset[str]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Verdict on one answer, and whether its language is that of the question."""

    question: Question
    recognised: str | None
    verdict: Verdict
    is_language_right: bool


def in_scope(language: str, folder: Path = FOLDER) -> list[Question]:
    """The hand-written questions about the box in one language."""
    return [
        Question(text, language, frozenset(key.split("|")))
        for key, texts in _read(folder / f"{language}.toml").items()
        for text in texts
    ]


def out_of_scope(language: str, folder: Path = FOLDER) -> list[Question]:
    """The hand-written questions that must be refused."""
    texts = _read(folder / "out_of_scope.toml")[language]
    return [Question(text, language, frozenset({REFUSAL})) for text in texts]


def judge(question: Question, answer: str, book: Phrasebook) -> Judgement:
    """Recognise the answer among the known ones and compare it with what was expected."""
    known = _recognise(answer, book)
    if known is None:
        return Judgement(question, None, Verdict.BROKEN, is_language_right=False)
    intent, language = known
    return Judgement(
        question,
        intent,
        _verdict(question, intent),
        is_language_right=language == question.language,
    )


def _verdict(question: Question, intent: str) -> Verdict:
    if intent in question.expected:
        return Verdict.RIGHT
    return Verdict.REFUSED if intent == REFUSAL else Verdict.WRONG


def _recognise(answer: str, book: Phrasebook) -> tuple[str, str] | None:
    known = [
        (intent.wordings[language].answer, intent, language)
        for intent in book.intents
        for language in LANGUAGES
    ]
    # Nearly all answers are known to the letter; measuring likeness takes a hundred times longer.
    exact = [(1.0, intent, language) for text, intent, language in known if text == answer]
    scored = exact or [
        (SequenceMatcher(None, answer, text).ratio(), intent, language)
        for text, intent, language in known
    ]
    likeness, intent, language = max(scored, key=lambda item: item[0])
    if likeness < _SAME_ANSWER:
        return None
    return (REFUSAL if intent.is_refusal else intent.name), language


def share(judgements: Sequence[Judgement], verdict: Verdict) -> float:
    """Part of the answers with that verdict, 0 to 1."""
    return sum(item.verdict is verdict for item in judgements) / len(judgements)


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
