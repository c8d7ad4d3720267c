# SPDX-License-Identifier: Apache-2.0
"""A question about an intent, as somebody would type it."""

from random import Random

from atre.handbook.topics import Kind
from factory_model.handwriting import AS_IS, scribble, swap_words
from factory_model.phrasebook import LANGUAGES, Intent, Phrasebook
from factory_model.template import sample
from factory_model.turn import Turn

# Without a passage the box asks the model for small talk alone; other clients ask for the rest.
_TALK_SHARES = {Kind.SMALL_TALK: 0.5, Kind.OUT_OF_SCOPE: 0.3, Kind.PAGE: 0.2}
_OPENER_SHARE = 0.11
_CLOSER_SHARE = 0.05
# Plain questions are fewer than what the templates can say, and nearer to how people ask.
_SAYING_SHARE = 0.6


def any_intent(book: Phrasebook, rng: Random) -> Intent:
    """What a question without a passage is about: by the share of its kind, then by weight."""
    kind = rng.choices(list(_TALK_SHARES), list(_TALK_SHARES.values()))[0]
    pool = [intent for intent in book.intents if intent.kind is kind]
    return rng.choices(pool, [intent.weight for intent in pool])[0]


def asked(book: Phrasebook, intent: Intent, language: str, rng: Random) -> Turn:
    """A question about the intent, answered without a passage."""
    return Turn(question(book, intent, language, rng), intent.wordings[language].answer)


def question(book: Phrasebook, intent: Intent, language: str, rng: Random) -> str:
    """A question about the intent, with what people put around it."""
    wording = intent.wordings[language]
    if wording.sayings and rng.random() < _SAYING_SHARE:
        text, mark = rng.choice(wording.sayings), AS_IS
    else:
        text, mark = sample(rng.choice(wording.questions), wording.slots, rng), intent.mark
    text = swap_words(text, book.synonyms[language], rng)
    if rng.random() < _OPENER_SHARE:
        text = f"{rng.choice(book.manners.openers[language])} {text}"
    elif rng.random() < _CLOSER_SHARE and mark != AS_IS:
        text = f"{text} {rng.choice(book.manners.closers[language])}"
    return scribble(text, language, mark, rng)


def other_language(language: str) -> str:
    """French for English, and the other way round."""
    return LANGUAGES[1 - LANGUAGES.index(language)]
