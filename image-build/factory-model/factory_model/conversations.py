# SPDX-License-Identifier: Apache-2.0
"""Conversations for training: drawn from the phrasebook, the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from factory_model.asking import any_intent, asked, other_language
from factory_model.exercises import EXERCISES
from factory_model.handwriting import scribble
from factory_model.phrasebook import LANGUAGES, FollowUp, Intent, Phrasebook
from factory_model.turn import Turn

_SYSTEM_SHARE = 0.12
_SECOND_TURN_SHARE = 0.1
_LONG_SHARE = 0.012
# Turns added to a long conversation: about 400 to 1,100 tokens, so that far positions are trained.
_LONG_TURNS = (6, 16)
# What a second question does; a follow-up needs one in the phrasebook, else the subject changes.
_SECOND_KINDS = {"repeat": 0.12, "other language": 0.18, "follow up": 0.5, "new subject": 0.2}

# Copying does not come from questions on passages alone at this budget: the first quarter of the
# training is mostly "repeat this" and passages of one or two facts.
EARLY = 0.25
_EARLY_SHARES = {"repeat": 0.33, "fact": 0.27, "topic": 0.22, "absent fact": 0.05, "talk": 0.13}
_LATE_SHARES = {
    "repeat": 0.02,
    "fact": 0.12,
    "absent fact": 0.05,
    "topic": 0.27,
    "topic of several": 0.12,
    "other topic": 0.14,
    "out of scope": 0.06,
    "talk": 0.22,
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns, after a system prompt that the model learns to live with."""

    system: str | None
    turns: tuple[Turn, ...]


def conversations(
    book: Phrasebook, count: int, seed: int, *, early: float = EARLY
) -> Iterator[Conversation]:
    """``count`` conversations in the order of the lessons; the same for the same arguments.

    ``early`` is the part of them with which copying is learnt; a model that can needs none.
    """
    rng = Random(seed)  # noqa: S311 (reproducible draws, no secret)
    for index in range(count):
        shares = _EARLY_SHARES if index < count * early else _LATE_SHARES
        kind = rng.choices(list(shares), list(shares.values()))[0]
        if kind in EXERCISES:
            yield Conversation(None, (EXERCISES[kind](book, rng.choice(LANGUAGES), rng),))
        else:
            yield _talk(book, rng)


def _talk(book: Phrasebook, rng: Random) -> Conversation:
    system = rng.choice(book.manners.system_prompts) if rng.random() < _SYSTEM_SHARE else None
    return Conversation(system, tuple(_turns(book, rng)))


def _turns(book: Phrasebook, rng: Random) -> Iterator[Turn]:
    language = rng.choice(LANGUAGES)
    intent = any_intent(book, rng)
    yield asked(book, intent, language, rng)
    draw = rng.random()
    if draw < _LONG_SHARE:
        for _ in range(rng.randint(*_LONG_TURNS)):
            yield asked(book, any_intent(book, rng), rng.choice((language, *LANGUAGES)), rng)
    elif draw < _LONG_SHARE + _SECOND_TURN_SHARE:
        yield _second(book, intent, language, rng)


def _second(book: Phrasebook, first: Intent, language: str, rng: Random) -> Turn:
    kind = rng.choices(list(_SECOND_KINDS), list(_SECOND_KINDS.values()))[0]
    follow_ups = [item for item in book.follow_ups if item.after == first.name]
    if kind == "repeat":
        question = rng.choice(book.manners.repeats[language])
        return Turn(scribble(question, language, ".", rng), first.wordings[language].answer)
    if kind == "other language":
        question = rng.choice(book.manners.other_language[language])
        answer = first.wordings[other_language(language)].answer
        return Turn(scribble(question, language, ".", rng), answer)
    if kind == "follow up" and follow_ups:
        return _followed(book, rng.choice(follow_ups), language, rng)
    return asked(book, any_intent(book, rng), language, rng)


def _followed(book: Phrasebook, item: FollowUp, language: str, rng: Random) -> Turn:
    question = rng.choice(item.questions[language])
    answer = book.intent(item.then).wordings[language].answer
    return Turn(scribble(question, language, "?", rng), answer)
