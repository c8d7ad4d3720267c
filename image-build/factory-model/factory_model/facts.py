# SPDX-License-Identifier: Apache-2.0
"""Passages of made-up facts, so that an answer can come from the passage alone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from factory_model.template import sample

_SYLLABLES = tuple(first + second for first in "bcdfgjklmnprstvz" for second in "aeiou")
_NUMBER = re.compile(r"\d+")
# What stands in quotation marks, a command as a rule.
_QUOTED = re.compile(r"(?<=«\u00a0)[^»]+(?=\u00a0»)|(?<=“)[^”]+(?=”)")
_ROOMS = "ABCDEFGH"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactForm:
    """How one kind of fact is said, and how it is asked for, in one language."""

    say: tuple[str, ...]
    ask: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence, and a question that it answers."""

    sentence: str
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactBook:
    """Every kind of fact and the values of their slots, by language."""

    forms: Mapping[str, tuple[FactForm, ...]]
    slots: Mapping[str, Mapping[str, Sequence[str]]]

    def draw(self, language: str, count: int, rng: Random) -> list[Fact]:
        """``count`` facts of different kinds."""
        forms = rng.sample(self.forms[language], count)
        return [self._fact(form, language, rng) for form in forms]

    def _fact(self, form: FactForm, language: str, rng: Random) -> Fact:
        values = {key: [rng.choice(texts)] for key, texts in self.slots[language].items()}
        values |= {key: [text] for key, text in _invented(rng, language).items()}
        sentence = sample(rng.choice(form.say), values, rng)
        question = sample(rng.choice(form.ask), values, rng)
        return Fact(sentence[:1].upper() + sentence[1:], question)


def read_facts(data: Mapping[str, Any], languages: Sequence[str]) -> FactBook:
    """The facts of ``corpus/facts.toml``."""
    return FactBook(
        forms={
            language: tuple(
                FactForm(say=tuple(item[language]["say"]), ask=tuple(item[language]["ask"]))
                for item in data["fact"]
            )
            for language in languages
        },
        slots=data["slots"],
    )


def altered(text: str, rng: Random) -> str:
    """``text`` with other numbers and other commands: the same statement of another box."""
    changed = _NUMBER.sub(lambda match: _digits(len(match[0]), rng), text)
    return _QUOTED.sub(lambda _: f"{_word(rng)} {_word(rng)}", changed)


def _invented(rng: Random, language: str) -> dict[str, str]:
    times = rng.sample(range(7, 20), 2)
    sign = "h" if language == "fr" else ":"
    return {
        "name": _word(rng).title(),
        "name2": _word(rng).title(),
        "town": f"{_word(rng).title()}{rng.choice(('ville', '-sur-Mer', 'court', 'ton', ''))}",
        "street": _word(rng).title(),
        "client": f"{_word(rng).title()} {rng.choice(('SARL', 'Conseil', 'Frères', 'Ltd', 'SA'))}",
        "word": _word(rng),
        "word2": _word(rng),
        "number": _digits(rng.randint(2, 5), rng),
        "number2": _digits(rng.randint(2, 4), rng),
        "small": str(rng.randint(2, 31)),
        "room": f"{rng.choice(_ROOMS)}{rng.randint(1, 40)}",
        "time": f"{min(times)}{sign}{rng.choice(('00', '15', '30', '45'))}",
        "time2": f"{max(times)}{sign}{rng.choice(('00', '15', '30', '45'))}",
        "phone": " ".join(_digits(2, rng) for _ in range(5)),
    }


def _word(rng: Random) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 3)))


def _digits(count: int, rng: Random) -> str:
    return str(rng.randint(1, 9)) + "".join(str(rng.randint(0, 9)) for _ in range(count - 1))
