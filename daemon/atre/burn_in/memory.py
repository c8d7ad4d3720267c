# SPDX-License-Identifier: Apache-2.0
"""Whether memory keeps what is written to it.

Moving through most of the free memory with a pattern, and only then reading it back, gives weak
cells time to lose their charge, and disturbs neighbours meanwhile. A program sees no more than the
memory that the system gives it: what the kernel holds is for memtest86+, before the system starts.
"""

from collections.abc import Callable, Iterator
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from atre.burn_in.results import MemoryResult
from atre.burn_in.turn import Turn

Words = NDArray[np.uint64]

PIECE_BYTES = 16 * 2**20
_WORD_BYTES = 8
# Every bit has been 0 and 1 after two patterns, however short the turn is.
_MIN_PATTERNS = 2
_PATTERNS = (
    "5555555555555555", "aaaaaaaaaaaaaaaa", "0000000000000000", "ffffffffffffffff", "address",
    "random",
)  # fmt: skip


class MemoryProbe:
    """Writes and verifies ``size_bytes``; ``allocate`` gives so many words of them at a time."""

    def __init__(
        self,
        size_bytes: int,
        total_bytes: int,
        *,
        seed: int = 0,
        allocate: Callable[[int], Words] = lambda count: np.empty(count, np.uint64),
    ) -> None:
        self._num_pieces = max(1, size_bytes // PIECE_BYTES)
        self._piece_words = min(size_bytes, PIECE_BYTES) // _WORD_BYTES
        self._total_bytes = total_bytes
        self._seed = seed
        self._allocate = allocate

    def run(self, turn: Turn) -> MemoryResult:
        pieces = self._pieces()
        found = _Found()
        for number, pattern in enumerate(cycle(_PATTERNS)):
            if number >= _MIN_PATTERNS and turn.is_over():
                break
            for piece, words in enumerate(pieces):
                words[:] = self._expected(pattern, number, piece)
                turn.tell()
            for piece, words in enumerate(pieces):
                found.compare(words, self._expected(pattern, number, piece), pattern, piece)
                turn.tell()
            found.patterns += 1
        return MemoryResult(
            tested_bytes=len(pieces) * self._piece_words * _WORD_BYTES,
            total_bytes=self._total_bytes,
            patterns=found.patterns,
            wrong_words=found.wrong_words,
            first_wrong=found.first_wrong,
        )

    def _pieces(self) -> list[Words]:
        """As much as the system gives; it may give less than it promised."""

        def given() -> Iterator[Words]:
            for _ in range(self._num_pieces):
                try:
                    yield self._allocate(self._piece_words)
                except MemoryError:
                    return

        return list(given())

    def _expected(self, pattern: str, number: int, piece: int) -> Words:
        count = self._piece_words
        if pattern == "address":  # tells address lines that are mixed up: each word is another
            first = piece * count
            return np.arange(first, first + count, dtype=np.uint64)
        if pattern == "random":
            source = np.random.default_rng([self._seed, number, piece])
            return source.integers(0, 2**64, count, dtype=np.uint64)
        return np.broadcast_to(np.uint64(int(pattern, 16)), (count,))


class _Found:
    def __init__(self) -> None:
        self.patterns = self.wrong_words = 0
        self.first_wrong = ""

    def compare(self, words: Words, expected: Words, pattern: str, piece: int) -> None:
        wrong = np.flatnonzero(words != expected)
        if not wrong.size:
            return
        self.wrong_words += int(wrong.size)
        if not self.first_wrong:
            place = int(wrong[0])
            offset = (piece * len(words) + place) * _WORD_BYTES
            self.first_wrong = (
                f"{pattern}: {int(words[place]):016x} in place of {int(expected[place]):016x} "
                f"at offset {offset}"
            )
