# SPDX-License-Identifier: Apache-2.0
"""Prompts of a wanted number of tokens, for any tokenizer, that no server has seen before."""

import random
from dataclasses import dataclass
from importlib.resources import files

# Common words, mostly one token each in every vocabulary that knows English. Answers that quote
# such a list gain nothing: the words follow each other at random.
_WORDS = (
    "time year people way day man thing woman life child world school state family student group "
    "country problem hand part place case week company system program question work government "
    "number night point home water room mother area money story fact month lot right study book "
    "eye job word business issue side kind head house service friend father power hour game line "
    "end member law car city community name president team minute idea body information back "
    "parent face others level office door health person art war history party result change "
    "morning reason research girl guy moment air teacher force education foot boy age policy "
    "process music market sense nation plan college interest death experience effect use class "
    "control field development role effort rate heart drug show leader light voice wife police "
    "mind price report decision son view relationship town road arm difference value building "
    "action season society tax director position player record paper space ground form event "
    "official matter center couple site project activity star table need court oil situation cost "
    "industry figure street image phone data picture practice piece land product doctor wall "
    "patient worker news test movie north love support technology step baby computer type "
    "attention film tree source organization hair look window culture chance brother energy "
    "period course summer plant opportunity term letter condition choice rule daughter south"
)

# Sizes at which a tokenizer is measured: their difference leaves the chat template out.
GAUGE_WORDS = (40, 240)


@dataclass(frozen=True, slots=True)
class Gauge:
    """How a server counts our words: ``overhead`` is what its chat template adds, in tokens."""

    tokens_per_word: float
    overhead: float

    @classmethod
    def of(cls, few_tokens: int, many_tokens: int) -> "Gauge":
        """From the prompt tokens of two prompts with ``GAUGE_WORDS`` words."""
        few, many = GAUGE_WORDS
        tokens_per_word = max(0.1, (many_tokens - few_tokens) / (many - few))
        return cls(tokens_per_word, few_tokens - few * tokens_per_word)

    def num_words(self, num_tokens: int) -> int:
        """How many words make a prompt of about ``num_tokens`` tokens, at least one."""
        return max(1, round((num_tokens - self.overhead) / self.tokens_per_word))


def word_list(num_words: int, rng: random.Random) -> str:
    """Words in random order."""
    return " ".join(rng.choices(_WORDS.split(), k=num_words))


def rewriting(text: str, rng: random.Random) -> str:
    """A request to repeat a text. Its beginning is new each time, so that no cache has it."""
    return (
        f"Document {rng.getrandbits(32)}. Write this text again, word for word, and nothing else:"
        f"\n\n{text}"
    )


def minutes_of_a_meeting() -> str:
    """A text of about 400 tokens of the kind that offices have rewritten."""
    return (files("atre.bench") / "minutes.txt").read_text("utf-8").strip()
