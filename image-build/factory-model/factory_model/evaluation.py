# SPDX-License-Identifier: Apache-2.0
"""Judging replies of the box: was it right, did it say that it does not know, which language."""

import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from pathlib import Path
from typing import Any

from factory_model.phrasebook import LANGUAGES, Intent, Phrasebook

FOLDER = Path(__file__).resolve().parent.parent / "evaluation"
REFUSAL = "refusal"
# From this likeness (0 to 1) on, an answer is that known answer.
_SAME_ANSWER = 0.85
_FRENCH_WORDS = "je ne pas la le les de des du une un et est ou vous sur à dans pour"
_ENGLISH_WORDS = "i not the of and is or you on in for to a an it do did with from"
_TELLING = {"fr": frozenset(_FRENCH_WORDS.split()), "en": frozenset(_ENGLISH_WORDS.split())}


class Verdict(Enum):
    """What a reply is worth to the person who asked."""

    RIGHT = "right"
    OFFERED = "did you mean, with a right page"
    REFUSED = "says that it does not know"
    WRONG = "confidently wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A held-out question.

    ``topics`` are the names of those whose answers are right, ``contains`` what a right answer
    holds ("a|b": either), ``pages`` where it stands; no topic and no string: it must be refused.
    """

    text: str
    language: str
    topics: frozenset[str] = frozenset()
    contains: tuple[str, ...] = ()
    pages: frozenset[str] = frozenset()

    @property
    def is_out_of_scope(self) -> bool:
        return not self.topics and not self.contains


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the box said: the page shown as source, and the pages offered instead of an answer."""

    text: str
    source: str | None
    suggestions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Verdict on one reply, and whether its language is that of the question."""

    question: Question
    reply: Reply
    verdict: Verdict
    is_language_right: bool


def by_intent(language: str, book: Phrasebook, folder: Path = FOLDER) -> list[Question]:
    """The questions of a set whose right answers are named by topics, such as ``evaluation/``."""
    questions = []
    for key, texts in _read(folder / f"{language}.toml").items():
        topics = frozenset(kin for name in key.split("|") for kin in book.kin[name])
        pages = frozenset(book.intent(name).page for name in topics) - {""}
        questions += [
            Question(text=text, language=language, topics=topics, pages=pages) for text in texts
        ]
    return questions


def by_content(language: str, folder: Path) -> list[Question]:
    """The questions of a set that says what a right answer contains, such as ``third``."""
    return [
        Question(
            text=item["text"],
            language=language,
            contains=tuple(item["expect"]),
            pages=frozenset([item["page"]] if isinstance(item["page"], str) else item["page"]),
        )
        for item in _read(folder / f"{language}.toml")["question"]
    ]


def small_talk(language: str, folder: Path) -> list[Question]:
    """Greetings and the like, with what a right answer contains."""
    return [
        Question(text=item["text"], language=language, contains=tuple(item["expect"]))
        for item in _read(folder / "smalltalk.toml")["question"]
        if item["language"] == language
    ]


def out_of_scope(language: str, folder: Path = FOLDER) -> list[Question]:
    """The questions that must be refused."""
    texts = _read(folder / "out_of_scope.toml")[language]
    return [Question(text=text, language=language) for text in texts]


def judge(question: Question, reply: Reply, book: Phrasebook) -> Judgement:
    """Compare a reply with what was expected."""
    known = _recognised(reply.text, book)
    return Judgement(
        question,
        reply,
        _verdict(question, reply, known[0] if known else None),
        is_language_right=_language(reply.text, known) == question.language,
    )


def share(judgements: Sequence[Judgement], verdict: Verdict) -> float:
    """Part of the replies with that verdict, 0 to 1."""
    return sum(item.verdict is verdict for item in judgements) / len(judgements)


def _verdict(question: Question, reply: Reply, known: Intent | None) -> Verdict:
    is_refusal = bool(reply.suggestions) or (known is not None and known.is_refusal)
    if question.is_out_of_scope:
        return Verdict.REFUSED if is_refusal else Verdict.WRONG
    if is_refusal:
        is_offered = bool(question.pages & set(reply.suggestions))
        return Verdict.OFFERED if is_offered else Verdict.REFUSED
    is_right = (
        _contains(reply.text, question.contains)
        if question.contains
        else known is not None and known.name in question.topics
    )
    return Verdict.RIGHT if is_right else Verdict.WRONG


def _contains(text: str, wanted: Sequence[str]) -> bool:
    return all(any(_plain(each) in _plain(text) for each in item.split("|")) for item in wanted)


def _plain(text: str) -> str:
    """Without case, accents, or a difference between spaces and between apostrophes."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(bare.split())


def _recognised(answer: str, book: Phrasebook) -> tuple[Intent, str] | None:
    known = [
        (wording.answer, intent, language)
        for intent in book.intents
        for language, wording in intent.wordings.items()
    ]
    # Nearly all answers are known to the letter; measuring likeness takes a hundred times longer.
    exact = [(1.0, intent, language) for text, intent, language in known if text == answer]
    scored = exact or [
        (SequenceMatcher(None, answer, text).ratio(), intent, language)
        for text, intent, language in known
    ]
    likeness, intent, language = max(scored, key=lambda item: item[0])
    return (intent, language) if likeness >= _SAME_ANSWER else None


def _language(text: str, known: tuple[Intent, str] | None) -> str | None:
    if known:
        return known[1]
    # Every sentence of French has one of these somewhere, hardly any English one has.
    words = set(text.casefold().replace("’", " ").split())
    counts = {language: len(words & _TELLING[language]) for language in LANGUAGES}
    return max(counts, key=lambda language: counts[language])


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
