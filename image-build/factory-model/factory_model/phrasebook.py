# SPDX-License-Identifier: Apache-2.0
"""What the model is taught: the data files under ``corpus/``, read and checked."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LANGUAGES = ("fr", "en")
CORPUS = Path(__file__).resolve().parent.parent / "corpus"

_INTENT_KEYS = {"name", "weight", "mark", *LANGUAGES}
_LANGUAGE_KEYS = {"answer", "questions", "slots"}


class CorpusError(Exception):
    """A data file of the corpus breaks a rule; the message names the file and the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One intent in one language."""

    answer: str
    questions: tuple[str, ...]
    slots: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One thing people ask, with its answer.

    ``mark`` ends its questions: ``?``, or ``.`` for what is not a question.
    ``weight`` is its share of the conversations relative to the other intents.
    """

    name: str
    is_refusal: bool
    weight: float
    mark: str
    wordings: Mapping[str, Wording]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """A short second question that is only clear after the first one."""

    after: str
    then: str
    questions: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How people wrap any question, and the system prompts that clients send."""

    openers: Mapping[str, tuple[str, ...]]
    closers: Mapping[str, tuple[str, ...]]
    repeats: Mapping[str, tuple[str, ...]]
    other_language: Mapping[str, tuple[str, ...]]
    system_prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrasebook:
    """The whole hand-written corpus."""

    intents: tuple[Intent, ...]
    follow_ups: tuple[FollowUp, ...]
    manners: Manners
    synonyms: Mapping[str, Mapping[str, Sequence[str]]]

    def intent(self, name: str) -> Intent:
        """The intent of that name. Raises KeyError."""
        return next(found for found in self.intents if found.name == name)


def load(folder: Path = CORPUS) -> Phrasebook:
    """Read every data file. Raises CorpusError for a missing language, key, slot or intent."""
    shared = _read(folder / "slots.toml")
    intents = tuple(
        _intent(path, shared, is_refusal=kind == "refusals")
        for kind in ("intents", "refusals")
        for path in sorted((folder / kind).glob("*.toml"))
    )
    follow_ups = tuple(_follow_up(item) for item in _read(folder / "follow_ups.toml")["follow_up"])
    names = {intent.name for intent in intents}
    for item in follow_ups:
        if missing := {item.after, item.then} - names:
            raise CorpusError(f"follow_ups.toml: no intent is named {sorted(missing)}")
    return Phrasebook(
        intents=intents,
        follow_ups=follow_ups,
        manners=_manners(_read(folder / "manners.toml")),
        synonyms=_read(folder / "synonyms.toml"),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CorpusError(f"{path.name}: {error}; correct the TOML") from error


def _intent(path: Path, shared: Mapping[str, Any], *, is_refusal: bool) -> Intent:
    data = _read(path)
    if unknown := set(data) - _INTENT_KEYS:
        raise CorpusError(f"{path.name}: unknown keys {sorted(unknown)}")
    if data["name"] != path.stem:
        raise CorpusError(f"{path.name}: name is {data['name']!r}, it must be the file's name")
    return Intent(
        name=data["name"],
        is_refusal=is_refusal,
        weight=float(data.get("weight", 1.0)),
        mark=data.get("mark", "?"),
        wordings={
            language: _wording(path, language, data.get(language, {}), shared[language])
            for language in LANGUAGES
        },
    )


def _wording(
    path: Path, language: str, data: Mapping[str, Any], shared: Mapping[str, Sequence[str]]
) -> Wording:
    if unknown := set(data) - _LANGUAGE_KEYS:
        raise CorpusError(f"{path.name}: [{language}] unknown keys {sorted(unknown)}")
    if not data.get("answer") or not data.get("questions"):
        raise CorpusError(f"{path.name}: [{language}] needs an answer and questions")
    return Wording(
        answer=data["answer"],
        questions=tuple(line.strip(" ") for line in data["questions"].splitlines() if line.strip()),
        slots={**shared, **data.get("slots", {})},
    )


def _follow_up(item: Mapping[str, Any]) -> FollowUp:
    return FollowUp(
        after=item["after"],
        then=item["then"],
        questions={language: tuple(item[language]) for language in LANGUAGES},
    )


def _manners(data: Mapping[str, Any]) -> Manners:
    def by_language(key: str) -> dict[str, tuple[str, ...]]:
        return {language: tuple(data[key][language]) for language in LANGUAGES}

    return Manners(
        openers=by_language("openers"),
        closers=by_language("closers"),
        repeats=by_language("repeats"),
        other_language=by_language("other_language"),
        system_prompts=tuple(data["system_prompts"]),
    )
