# SPDX-License-Identifier: Apache-2.0
"""What a question is about, and in which language: a linear classifier in plain Python."""

import math
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from atre.errors import ConfigError
from atre.handbook.clues import clues

FILE = Path(__file__).parent / "finder.bin"


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """What was learnt for one language, sparse; integers are little-endian.

    ``hashes`` (uint32, ascending) are the CRC-32 of the clues. Clue number i has the entries
    ``starts[i]`` (uint32) to ``starts[i + 1]``, each a topic's number (uint8) and its weight
    (int8, times ``scale``). ``bias`` has one number a topic.
    """

    bias: list[float]
    scale: float
    hashes: bytes
    starts: bytes
    topics: bytes
    weights: bytes


class FinderData(msgspec.Struct, frozen=True, kw_only=True):
    """The file, MessagePack under zlib: the names of the topics, and the weights by language.

    ``language`` has those that tell the languages themselves, in the order of ``languages``;
    ``questions`` is the sha256 of the questions that all of it was learnt from.
    """

    questions: str
    names: list[str]
    languages: dict[str, Weights]
    language: Weights


class Guess(msgspec.Struct, frozen=True):
    """The name of a topic or a language, and how likely it is meant (0 to 1)."""

    name: str
    probability: float


class Finder:
    """Finds the topics that a question may be about; for any thread."""

    def __init__(self, path: Path = FILE) -> None:
        """Read what was learnt. Raises ConfigError if that cannot be done."""
        try:
            data = msgspec.msgpack.decode(zlib.decompress(path.read_bytes()), type=FinderData)
        except (OSError, zlib.error, msgspec.MsgspecError) as error:
            raise ConfigError(f"{path} cannot be read ({error}). Install Âtre again.") from error
        self._names = data.names
        self._language_names = list(data.languages)
        self._language = _Table(data.language)
        self._tables = {language: _Table(each) for language, each in data.languages.items()}

    def language(self, question: str) -> Guess:
        """The language of a question, of which a few words may say little."""
        return _ranked(self._language_names, self._language.scores(clues(question)))[0]

    def find(self, question: str, language: str) -> list[Guess]:
        """Every topic, the likeliest first; nothing for a question without letters or digits."""
        groups = clues(question)
        if not any(groups):
            return []
        return _ranked(self._names, self._tables[language].scores(groups))


class _Table:
    def __init__(self, weights: Weights) -> None:
        self._bias = weights.bias
        self._scale = weights.scale
        self._hashes = _integers(weights.hashes)
        self._starts = _integers(weights.starts)
        self._topics = weights.topics
        self._weights = memoryview(weights.weights).cast("b")

    def scores(self, groups: Iterable[frozenset[str]]) -> list[float]:
        """One number a topic. Each group of clues counts as much as the other, however many."""
        scores = list(self._bias)
        for group in groups:
            share = self._scale / math.sqrt(len(group) or 1)
            for clue in group:
                for entry in self._entries(zlib.crc32(clue.encode())):
                    scores[self._topics[entry]] += self._weights[entry] * share
        return scores

    def _entries(self, number: int) -> range:
        at = bisect_left(self._hashes, number)
        if at == len(self._hashes) or self._hashes[at] != number:
            return range(0)
        return range(self._starts[at], self._starts[at + 1])


def _ranked(names: Sequence[str], scores: Sequence[float]) -> list[Guess]:
    highest = max(scores)
    shares = [math.exp(score - highest) for score in scores]
    total = sum(shares)
    guesses = [Guess(name, share / total) for name, share in zip(names, shares, strict=True)]
    return sorted(guesses, key=lambda guess: -guess.probability)


def _integers(data: bytes) -> "array[int]":
    numbers = array("I", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
