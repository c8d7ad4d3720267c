# SPDX-License-Identifier: Apache-2.0
"""Questions on a passage: one exercise a function, drawn for one language."""

from collections.abc import Callable
from random import Random

from atre.handbook.prompt import UNKNOWN, before_question
from atre.handbook.topics import Kind
from factory_model.asking import question
from factory_model.facts import Fact, altered
from factory_model.handwriting import scribble
from factory_model.phrasebook import Intent, Phrasebook
from factory_model.turn import Turn

Exercise = Callable[[Phrasebook, str, Random], Turn]

# An altered passage is only in agreement with itself: what is known by heart is then wrong.
_ALTERED_SHARE = 0.35
_TOPIC_SHARE_OF_REPEATS = 0.5
_SAME_PAGE_SHARE = 0.4
_LONG_PASSAGE_SHARE = 0.06
_MAX_FACTS = 4
_LONG_FACTS = (8, 20)
_MAX_TOPICS = 3
_ASK_TO_REPEAT = {
    "fr": ("répète le passage", "recopie ce texte", "que dit le passage", "relis-moi cela"),
    "en": ("repeat the passage", "copy this text", "what does the passage say", "read it to me"),
}


def _repeat(book: Phrasebook, language: str, rng: Random) -> Turn:
    if rng.random() < _TOPIC_SHARE_OF_REPEATS:
        passage = altered(_page_intent(book, rng).wordings[language].answer, rng)
    else:
        passage = _joined(book.facts.draw(language, rng.randint(1, 2), rng))
    asked = scribble(rng.choice(_ASK_TO_REPEAT[language]), language, ".", rng)
    return Turn(asked, passage, before_question(passage, language))


def _fact(book: Phrasebook, language: str, rng: Random) -> Turn:
    facts = _facts(book, language, rng)
    wanted = rng.choice(facts)
    return _on_facts(facts, wanted.question, wanted.sentence, language, rng)


def _absent_fact(book: Phrasebook, language: str, rng: Random) -> Turn:
    *facts, wanted = _facts(book, language, rng, spare=1)
    return _on_facts(facts, wanted.question, UNKNOWN[language], language, rng)


def _topic(book: Phrasebook, language: str, rng: Random) -> Turn:
    intent = _page_intent(book, rng)
    passage = _answer(intent, language, rng)
    asked = question(book, intent, language, rng)
    return Turn(asked, passage, before_question(passage, language))


def _topic_of_several(book: Phrasebook, language: str, rng: Random) -> Turn:
    intent = _page_intent(book, rng)
    others = [_other(book, intent, rng) for _ in range(rng.randint(1, _MAX_TOPICS - 1))]
    wanted = _answer(intent, language, rng)
    parts = [wanted, *(each.wordings[language].answer for each in others)]
    rng.shuffle(parts)
    asked = question(book, intent, language, rng)
    return Turn(asked, wanted, before_question("\n".join(parts), language))


def _other_topic(book: Phrasebook, language: str, rng: Random) -> Turn:
    intent = _page_intent(book, rng)
    others = [_other(book, intent, rng) for _ in range(rng.randint(1, _MAX_TOPICS - 1))]
    return _not_there(book, intent, others, language, rng)


def _out_of_scope(book: Phrasebook, language: str, rng: Random) -> Turn:
    refusals = [intent for intent in book.intents if intent.is_refusal]
    intent = rng.choices(refusals, [each.weight for each in refusals])[0]
    return _not_there(book, intent, [_page_intent(book, rng)], language, rng)


EXERCISES: dict[str, Exercise] = {
    "repeat": _repeat,
    "fact": _fact,
    "absent fact": _absent_fact,
    "topic": _topic,
    "topic of several": _topic_of_several,
    "other topic": _other_topic,
    "out of scope": _out_of_scope,
}


def _not_there(
    book: Phrasebook, intent: Intent, others: list[Intent], language: str, rng: Random
) -> Turn:
    passage = "\n".join(_answer(each, language, rng) for each in others)
    asked = question(book, intent, language, rng)
    return Turn(asked, UNKNOWN[language], before_question(passage, language))


def _page_intent(book: Phrasebook, rng: Random) -> Intent:
    pool = [intent for intent in book.intents if intent.kind is Kind.PAGE]
    return rng.choices(pool, [intent.weight for intent in pool])[0]


def _other(book: Phrasebook, intent: Intent, rng: Random) -> Intent:
    """A topic that does not answer for ``intent``; often a near one, which is told apart least."""
    pool = [
        each
        for each in book.intents
        if each.kind is Kind.PAGE and each.name not in book.kin[intent.name]
    ]
    near = [each for each in pool if each.page == intent.page]
    return rng.choice(near if near and rng.random() < _SAME_PAGE_SHARE else pool)


def _answer(intent: Intent, language: str, rng: Random) -> str:
    text = intent.wordings[language].answer
    return altered(text, rng) if rng.random() < _ALTERED_SHARE else text


def _facts(book: Phrasebook, language: str, rng: Random, spare: int = 0) -> list[Fact]:
    is_long = rng.random() < _LONG_PASSAGE_SHARE
    count = rng.randint(*_LONG_FACTS) if is_long else rng.randint(1, _MAX_FACTS)
    return book.facts.draw(language, count + spare, rng)


def _on_facts(facts: list[Fact], asked: str, answer: str, language: str, rng: Random) -> Turn:
    text = scribble(asked, language, "?", rng)
    return Turn(text, answer, before_question(_joined(facts), language))


def _joined(facts: list[Fact]) -> str:
    return " ".join(fact.sentence for fact in facts)
