# SPDX-License-Identifier: Apache-2.0
import zlib

from atre.engine.model_runner import Sampled
from atre.engine.sequence import Chunk, Sequence
from atre.errors import DecodeError


class ScriptedRunner:
    """A ModelRunner without a model: the next token is a pure function of what its slot holds.

    It is as strict as llama.cpp: a slot must be empty when a sequence takes it, positions must
    follow one another, and a batch has a limited number of rows.
    """

    def __init__(self, *, num_slots: int, max_batch_tokens: int, num_tokens: int = 256) -> None:
        self._slots: list[list[int]] = [[] for _ in range(num_slots)]
        self._max_batch_tokens = max_batch_tokens
        self._num_tokens = num_tokens

    @property
    def num_cells_used(self) -> int:
        return sum(len(slot) for slot in self._slots)

    def run(self, batch: list[Chunk]) -> dict[int, Sampled]:
        if sum(chunk.num_tokens for chunk in batch) > self._max_batch_tokens:
            raise DecodeError("The batch has more rows than n_batch.", code=-1)
        for chunk in batch:
            if len(self._history(chunk.sequence)) != chunk.sequence.num_computed:
                raise DecodeError("Positions do not follow those in the slot.", code=-1)
        sampled = {}
        for chunk in batch:
            sequence = chunk.sequence
            end = sequence.num_computed + chunk.num_tokens
            history = self._history(sequence)
            history += sequence.tokens[sequence.num_computed : end]
            if chunk.is_last:
                sampled[sequence.id] = Sampled(scripted_token(history, self._num_tokens))
        return sampled

    def release_slot(self, slot: int) -> None:
        self._slots[slot].clear()

    def forget(self, sequence: Sequence) -> None:
        """Nothing is kept outside the slots."""

    def _history(self, sequence: Sequence) -> list[int]:
        return self._slots[sequence.running_slot]


def scripted_token(history: list[int], num_tokens: int) -> int:
    """The token that follows ``history``: a checksum of it, in ``range(num_tokens)``."""
    return zlib.crc32(b"".join(token.to_bytes(4, "little") for token in history)) % num_tokens
