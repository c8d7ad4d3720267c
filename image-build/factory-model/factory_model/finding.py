# SPDX-License-Identifier: Apache-2.0
"""Trains the handbook's finder: a linear classifier over the clues of the same questions."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec
import numpy as np
from scipy.sparse import csr_matrix
from sklearn.svm import LinearSVC

from atre.handbook.clues import clues
from atre.handbook.finder import FinderData, Weights
from factory_model.handwriting import AS_IS, scribble, swap_words
from factory_model.phrasebook import LANGUAGES, Phrasebook
from factory_model.questions_digest import digest
from factory_model.template import sample

# Wordings of each question: as it stands, then with synonyms and typing mistakes.
_COPIES = 3
_TEMPLATE_DRAWS = 4
_KEYWORD_WEIGHT = 0.35
# The inverse of the penalty on large weights; the figures are in the README.
_FREEDOM = 0.5
# Turns margins into probabilities: what is said to be 70 % is right 7 times of 10 on the
# development questions.
_SHARPNESS = 4.0
# What is kept of the weights of a language; the smallest say little.
_KEPT_WEIGHTS = 140_000
_KEPT_OF_LANGUAGE = 24_000
_LARGEST = 127


@dataclass(frozen=True, slots=True)
class _Sample:
    text: str
    topic: int
    weight: float


def train_finder(book: Phrasebook, path: Path, seed: int) -> None:
    """Write the finder's file, whole or not at all."""
    samples = {
        language: list(_samples(book, language, Random(seed)))  # noqa: S311 (no secret)
        for language in LANGUAGES
    }
    spoken = [
        _Sample(each.text, number, each.weight)
        for number, language in enumerate(LANGUAGES)
        for each in samples[language]
    ]
    data = FinderData(
        questions=digest(book),
        names=[intent.name for intent in book.intents],
        languages={language: _weights(samples[language]) for language in LANGUAGES},
        language=_weights(spoken, kept=_KEPT_OF_LANGUAGE),
    )
    written = path.with_suffix(".tmp")
    written.write_bytes(zlib.compress(msgspec.msgpack.encode(data), 9))
    written.replace(path)


def _samples(book: Phrasebook, language: str, rng: Random) -> Iterator[_Sample]:
    for number, intent in enumerate(book.intents):
        wording = intent.wordings[language]
        yield _Sample(wording.answer, number, 1.0)
        yield from (_Sample(text, number, _KEYWORD_WEIGHT) for text in wording.keywords)
        for line in wording.sayings:
            copies = [line, *(_again(line, language, AS_IS, book, rng) for _ in range(_COPIES - 1))]
            yield from (_Sample(text, number, 1 / _COPIES) for text in copies)
        for line in wording.questions:
            for _ in range(_TEMPLATE_DRAWS):
                drawn = sample(line, wording.slots, rng)
                text = _again(drawn, language, intent.mark, book, rng)
                yield _Sample(text, number, 1 / _TEMPLATE_DRAWS)


def _again(text: str, language: str, mark: str, book: Phrasebook, rng: Random) -> str:
    return scribble(swap_words(text, book.synonyms[language], rng), language, mark, rng)


def _weights(samples: Sequence[_Sample], *, kept: int = _KEPT_WEIGHTS) -> Weights:
    counted: dict[str, int] = {}
    rows = [_row(each.text, counted) for each in samples]
    data = np.concatenate([values for _, values in rows])
    indices = np.concatenate([columns for columns, _ in rows])
    ends = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    matrix = csr_matrix((data, indices, ends), shape=(len(rows), len(counted)))
    topics = np.array([each.topic for each in samples])
    weights = np.array([each.weight for each in samples])
    model = LinearSVC(C=_FREEDOM)
    model.fit(matrix, topics, sample_weight=weights / weights.mean())
    # Of two classes the library gives the weights of the second alone.
    coefficients, bias = model.coef_, model.intercept_
    if len(coefficients) == 1:
        coefficients, bias = np.vstack((-coefficients, coefficients)), np.array((-bias[0], bias[0]))
    return _sparse(counted, coefficients.T * _SHARPNESS, bias * _SHARPNESS, kept)


def _row(text: str, counted: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    columns: list[int] = []
    values: list[float] = []
    for group in clues(text):
        columns += [counted.setdefault(clue, len(counted)) for clue in sorted(group)]
        values += [max(1, len(group)) ** -0.5] * len(group)
    return np.array(columns, dtype=np.int64), np.array(values)


def _sparse(
    counted: Mapping[str, int], weights: np.ndarray, bias: np.ndarray, num_kept: int
) -> Weights:
    """The largest weights of (clues, topics), by the hash of the clue."""
    least = np.sort(np.abs(weights).ravel())[-min(num_kept, weights.size)]
    scale = float(np.abs(weights).max()) / _LARGEST
    hashed = sorted((zlib.crc32(clue.encode()), row) for clue, row in counted.items())
    hashes, starts, topics, values = [], [0], [], []
    for number, row in hashed:
        kept = np.flatnonzero(np.abs(weights[row]) >= least)
        if len(kept) == 0 or (hashes and hashes[-1] == number):
            continue
        hashes.append(number)
        topics += kept.tolist()
        values += np.round(weights[row][kept] / scale).astype(int).tolist()
        starts.append(len(topics))
    return Weights(
        bias=[float(each) for each in bias],
        scale=scale,
        hashes=np.array(hashes, dtype="<u4").tobytes(),
        starts=np.array(starts, dtype="<u4").tobytes(),
        topics=np.array(topics, dtype="u1").tobytes(),
        weights=np.array(values, dtype="i1").tobytes(),
    )
