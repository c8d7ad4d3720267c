# SPDX-License-Identifier: Apache-2.0
"""What people ask about, with the short answer to each: ``topics/<page>.toml``.

The only place where these answers stand; the factory model is trained on them too.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from atre.errors import ConfigError

LANGUAGES = ("fr", "en")
_DIRECTORY = Path(__file__).parent / "topics"


class Kind(StrEnum):
    """What a topic is: part of a page, or talk that no page is needed for, or not for this box."""

    PAGE = "page"
    SMALL_TALK = "small-talk"
    OUT_OF_SCOPE = "out-of-scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One thing people ask. ``page`` is the handbook page that says more, empty for mere talk."""

    name: str
    kind: Kind
    page: str
    answers: Mapping[str, str]


def load_topics(directory: Path = _DIRECTORY) -> dict[str, Topic]:
    """Every topic by its name. Raises ConfigError for a file that is missing, broken or double."""
    topics: dict[str, Topic] = {}
    for path in sorted(directory.glob("*.toml")):
        try:
            items = tomllib.loads(path.read_text(encoding="utf-8"))["topic"]
            found = [_topic(item, path.stem) for item in items]
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f"{path} cannot be read ({error}). Install Âtre again.") from error
        for topic in found:
            if topics.setdefault(topic.name, topic) is not topic:
                raise ConfigError(f"{path}: the topic {topic.name!r} is there twice; rename one.")
    if not topics:
        raise ConfigError(f"{directory} holds no topic. Install Âtre again.")
    return topics


def _topic(item: Mapping[str, str], stem: str) -> Topic:
    kind = Kind(stem) if stem in (Kind.SMALL_TALK, Kind.OUT_OF_SCOPE) else Kind.PAGE
    return Topic(
        name=item["name"],
        kind=kind,
        page=stem if kind is Kind.PAGE else "",
        answers={language: item[language] for language in LANGUAGES},
    )
