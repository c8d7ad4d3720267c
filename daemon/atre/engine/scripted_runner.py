# SPDX-License-Identifier: Apache-2.0
import zlib
from dataclasses import dataclass

from atre.engine.kv_cache import Operation, Release, Share
from atre.engine.model_runner import Sampled
from atre.engine.sequence import Chunk, Sequence
from atre.errors import DecodeError


@dataclass(slots=True, frozen=True, eq=False)
class _Cell:
    token: int


class ScriptedRunner:
    """A ModelRunner without a model: the next token is a pure function of what its slot holds.

    It is as strict as llama.cpp: positions must follow one another, and a batch has a limited
    number of rows. A cell is an object, so that slots which share it can be told from slots that
    hold the same token twice.
    """

    def __init__(self, *, num_slots: int, max_batch_tokens: int, num_tokens: int = 256) -> None:
        self._slots: list[list[_Cell]] = [[] for _ in range(num_slots)]
        self._max_batch_tokens = max_batch_tokens
        self._num_tokens = num_tokens

    def held(self, slot: int) -> list[int]:
        """The tokens that a slot holds."""
        return [cell.token for cell in self._slots[slot]]

    @property
    def num_cells_used(self) -> int:
        """Cells that are held, those that several slots share once."""
        return len({id(cell) for slot in self._slots for cell in slot})

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
            history += map(_Cell, sequence.tokens[sequence.num_computed : end])
            if chunk.is_last:
                held = self.held(sequence.running_slot)
                sampled[sequence.id] = Sampled(scripted_token(held, self._num_tokens))
        return sampled

    def apply(self, operation: Operation) -> None:
        match operation:
            case Release():
                self._slots[operation.slot].clear()
            case Share():
                cells = self._slots[operation.source][operation.start : operation.end]
                self._slots[operation.target][operation.start : operation.end] = cells

    def forget(self, sequence: Sequence) -> None:
        """Nothing is kept outside the slots."""

    def _history(self, sequence: Sequence) -> list[_Cell]:
        return self._slots[sequence.running_slot]


def scripted_token(history: list[int], num_tokens: int) -> int:
    """The token that follows ``history``: a checksum of it, in ``range(num_tokens)``."""
    return zlib.crc32(b"".join(token.to_bytes(4, "little") for token in history)) % num_tokens
