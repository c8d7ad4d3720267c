# SPDX-License-Identifier: Apache-2.0
"""What the model is taught: the data files under ``corpus/``, read and checked."""

import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atre.handbook.topics import LANGUAGES, Kind, Topic, load_topics
from factory_model.facts import FactBook, read_facts

CORPUS = Path(__file__).resolve().parent.parent / "corpus"

_DEVELOPMENT_EVERY = 12
_INTENT_KEYS = {"name", "weight", "mark", *LANGUAGES}
_LANGUAGE_KEYS = {"questions", "slots"}


class CorpusError(Exception):
    """A data file of the corpus breaks a rule; the message names the file and the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One intent in one language. ``questions`` are templates, ``sayings`` plain questions.

    ``development`` are plain questions that nothing learns from: thresholds are set by them.
    ``keywords`` are words and turns of phrase that tell the topic, perhaps none.
    """

    answer: str
    questions: tuple[str, ...]
    sayings: tuple[str, ...]
    development: tuple[str, ...]
    keywords: tuple[str, ...]
    slots: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One thing people ask, with its answer.

    ``mark`` ends its questions: ``?``, or ``.`` for what is not a question.
    ``weight`` is its share of the conversations relative to the other intents.
    """

    name: str
    kind: Kind
    page: str
    weight: float
    mark: str
    wordings: Mapping[str, Wording]

    @property
    def is_refusal(self) -> bool:
        """Whether it is nothing that the model could answer."""
        return self.kind is Kind.OUT_OF_SCOPE


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
    """The whole hand-written corpus. ``kin`` are topics whose answers will do for each other."""

    intents: tuple[Intent, ...]
    follow_ups: tuple[FollowUp, ...]
    manners: Manners
    synonyms: Mapping[str, Mapping[str, Sequence[str]]]
    facts: FactBook
    kin: Mapping[str, frozenset[str]]

    def intent(self, name: str) -> Intent:
        """The intent of that name. Raises KeyError."""
        return next(found for found in self.intents if found.name == name)


def load(folder: Path = CORPUS, topics: Mapping[str, Topic] | None = None) -> Phrasebook:
    """Read every data file. Raises CorpusError for a missing language, key, slot or intent."""
    topics = load_topics() if topics is None else topics
    shared = _read(folder / "slots.toml")
    keywords = {language: _keywords(folder, language) for language in LANGUAGES}
    intents = tuple(
        _intent(path, shared, topics, keywords)
        for kind in ("intents", "refusals")
        for path in sorted((folder / kind).glob("*.toml"))
    )
    names = {intent.name for intent in intents}
    for language in LANGUAGES:
        if unknown := set(keywords[language]) - names:
            raise CorpusError(f"keywords/{language}.toml: no intent is named {sorted(unknown)}")
    if missing := set(topics) - names:
        raise CorpusError(f"intents: nobody asks for the topics {sorted(missing)}; add questions")
    follow_ups = tuple(_follow_up(item) for item in _read(folder / "follow_ups.toml")["follow_up"])
    for item in follow_ups:
        if missing := {item.after, item.then} - names:
            raise CorpusError(f"follow_ups.toml: no intent is named {sorted(missing)}")
    return Phrasebook(
        intents=intents,
        follow_ups=follow_ups,
        manners=_manners(_read(folder / "manners.toml")),
        synonyms=_read(folder / "synonyms.toml"),
        facts=read_facts(_read(folder / "facts.toml"), LANGUAGES),
        kin=_kin(_read(folder / "kin.toml")["kin"], names),
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CorpusError(f"{path.name}: {error}; correct the TOML") from error


def _keywords(folder: Path, language: str) -> Mapping[str, str]:
    path = folder / "keywords" / f"{language}.toml"
    return _read(path) if path.exists() else {}


def _intent(
    path: Path,
    shared: Mapping[str, Any],
    topics: Mapping[str, Topic],
    keywords: Mapping[str, Mapping[str, str]],
) -> Intent:
    data = _read(path)
    if unknown := set(data) - _INTENT_KEYS:
        raise CorpusError(f"{path.name}: unknown keys {sorted(unknown)}")
    if data["name"] != path.stem:
        raise CorpusError(f"{path.name}: name is {data['name']!r}, it must be the file's name")
    topic = topics.get(path.stem)
    if topic is None:
        raise CorpusError(f"{path.name}: the handbook has no topic of that name; add its answer")
    return Intent(
        name=topic.name,
        kind=topic.kind,
        page=topic.page,
        weight=float(data.get("weight", 1.0)),
        mark=data.get("mark", "?"),
        wordings={
            language: _wording(
                path, language, data.get(language, {}), shared[language], topic, keywords[language]
            )
            for language in LANGUAGES
        },
    )


def _wording(
    path: Path,
    language: str,
    data: Mapping[str, Any],
    shared: Mapping[str, Sequence[str]],
    topic: Topic,
    keywords: Mapping[str, str],
) -> Wording:
    if unknown := set(data) - _LANGUAGE_KEYS:
        raise CorpusError(f"{path.name}: [{language}] unknown keys {sorted(unknown)}")
    if not data.get("questions"):
        raise CorpusError(f"{path.name}: [{language}] needs questions")
    plain = _plain(path.parent.parent / "questions" / language / f"{path.stem}.txt")
    return Wording(
        answer=topic.answers[language],
        questions=_lines(data["questions"]),
        sayings=tuple(line for line in plain if not _is_set_aside(line)),
        development=tuple(line for line in plain if _is_set_aside(line)),
        keywords=tuple(each.strip() for each in keywords.get(path.stem, "").split(",") if each),
        slots={**shared, **data.get("slots", {})},
    )


def _plain(path: Path) -> tuple[str, ...]:
    return _lines(path.read_text(encoding="utf-8")) if path.exists() else ()


def _is_set_aside(line: str) -> bool:
    return zlib.crc32(line.encode()) % _DEVELOPMENT_EVERY == 0


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip(" ") for line in text.splitlines() if line.strip())


def _kin(groups: Mapping[str, Sequence[str]], names: set[str]) -> dict[str, frozenset[str]]:
    kin: dict[str, set[str]] = {name: {name} for name in names}
    for first, others in groups.items():
        if missing := {first, *others} - names:
            raise CorpusError(f"kin.toml: no intent is named {sorted(missing)}")
        for other in others:
            kin[first].add(other)
            kin[other].add(first)
    return {name: frozenset(found) for name, found in kin.items()}


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
