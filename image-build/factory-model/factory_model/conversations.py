# SPDX-License-Identifier: Apache-2.0
"""Conversations for training: drawn from the phrasebook, the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from factory_model.handwriting import scribble, swap_words
from factory_model.phrasebook import LANGUAGES, FollowUp, Intent, Phrasebook
from factory_model.template import sample

# Shares of the conversations. Refusals need the most variety, single turns carry the knowledge.
_REFUSAL_SHARE = 0.36
_SYSTEM_SHARE = 0.12
_SECOND_TURN_SHARE = 0.1
_LONG_SHARE = 0.004
# Turns added to a long conversation: about 400 to 1,100 tokens, so that far positions are trained.
_LONG_TURNS = (6, 16)
_OPENER_SHARE = 0.11
_CLOSER_SHARE = 0.05
# What a second question does; a follow-up needs one in the phrasebook, else the subject changes.
_SECOND_KINDS = {"repeat": 0.12, "other language": 0.18, "follow up": 0.5, "new subject": 0.2}


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and the answer the model learns."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns, after a system prompt that the model learns to live with."""

    system: str | None
    turns: tuple[Turn, ...]


def conversations(book: Phrasebook, count: int, seed: int) -> Iterator[Conversation]:
    """``count`` conversations, a pure function of the phrasebook and the seed."""
    rng = Random(seed)  # noqa: S311 (reproducible draws, no secret)
    for _ in range(count):
        system = rng.choice(book.manners.system_prompts) if rng.random() < _SYSTEM_SHARE else None
        yield Conversation(system, tuple(_turns(book, rng)))


def _turns(book: Phrasebook, rng: Random) -> Iterator[Turn]:
    language = rng.choice(LANGUAGES)
    intent = _any_intent(book, rng)
    yield _asked(book, intent, language, rng)
    draw = rng.random()
    if draw < _LONG_SHARE:
        for _ in range(rng.randint(*_LONG_TURNS)):
            yield _asked(book, _any_intent(book, rng), rng.choice((language, *LANGUAGES)), rng)
    elif draw < _LONG_SHARE + _SECOND_TURN_SHARE:
        yield _second(book, intent, language, rng)


def _any_intent(book: Phrasebook, rng: Random) -> Intent:
    is_refusal = rng.random() < _REFUSAL_SHARE
    pool = [intent for intent in book.intents if intent.is_refusal is is_refusal]
    return rng.choices(pool, [intent.weight for intent in pool])[0]


def _asked(book: Phrasebook, intent: Intent, language: str, rng: Random) -> Turn:
    wording = intent.wordings[language]
    question = sample(rng.choice(wording.questions), wording.slots, rng)
    question = swap_words(question, book.synonyms[language], rng)
    if rng.random() < _OPENER_SHARE:
        question = f"{rng.choice(book.manners.openers[language])} {question}"
    elif rng.random() < _CLOSER_SHARE:
        question = f"{question} {rng.choice(book.manners.closers[language])}"
    return Turn(scribble(question, language, intent.mark, rng), wording.answer)


def _second(book: Phrasebook, first: Intent, language: str, rng: Random) -> Turn:
    kind = rng.choices(list(_SECOND_KINDS), list(_SECOND_KINDS.values()))[0]
    follow_ups = [item for item in book.follow_ups if item.after == first.name]
    if kind == "repeat":
        question = rng.choice(book.manners.repeats[language])
        return Turn(scribble(question, language, ".", rng), first.wordings[language].answer)
    if kind == "other language":
        return _in_the_other_language(book, first, language, rng)
    if kind == "follow up" and follow_ups:
        return _followed(book, rng.choice(follow_ups), language, rng)
    return _asked(book, _any_intent(book, rng), language, rng)


def _in_the_other_language(book: Phrasebook, first: Intent, language: str, rng: Random) -> Turn:
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    question = rng.choice(book.manners.other_language[language])
    return Turn(scribble(question, language, ".", rng), first.wordings[other].answer)


def _followed(book: Phrasebook, item: FollowUp, language: str, rng: Random) -> Turn:
    question = rng.choice(item.questions[language])
    answer = book.intent(item.then).wordings[language].answer
    return Turn(scribble(question, language, "?", rng), answer)
