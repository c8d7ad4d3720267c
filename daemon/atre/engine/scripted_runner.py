# SPDX-License-Identifier: Apache-2.0
import zlib
from dataclasses import dataclass

from atre.engine.kv_cache import Operation, Release, Restore, Save, Share, Trim
from atre.engine.model_runner import Sampled
from atre.engine.sequence import Chunk, Sequence
from atre.engine.snapshots import Snapshots
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

    def __init__(
        self,
        *,
        num_slots: int,
        max_batch_tokens: int,
        num_tokens: int = 256,
        echo: int = 0,
        snapshots: Snapshots | None = None,
    ) -> None:
        """``num_tokens``: of the vocabulary, at most 256, so that a state is a byte a token.

        ``echo``: how many tokens back most tokens repeat; 0 for tokens that look random.
        """
        self.model_s = 0.0  # it computes nothing
        self._snapshots = snapshots or Snapshots(max_bytes=0)
        self._slots: list[list[_Cell]] = [[] for _ in range(num_slots)]
        self._max_batch_tokens = max_batch_tokens
        self._num_tokens = num_tokens
        self._echo = echo

    def held(self, slot: int) -> list[int]:
        """The tokens that a slot holds."""
        return [cell.token for cell in self._slots[slot]]

    @property
    def num_cells_used(self) -> int:
        """Cells that are held, those that several slots share once."""
        return len({id(cell) for slot in self._slots for cell in slot})

    def run(self, batch: list[Chunk]) -> dict[int, list[Sampled]]:
        if sum(chunk.num_rows for chunk in batch) > self._max_batch_tokens:
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
                sampled[sequence.id] = self._sample(sequence.running_slot, chunk.draft)
        return sampled

    def _sample(self, slot: int, draft: tuple[int, ...]) -> list[Sampled]:
        sampled = [self._next(slot)]
        for guess in draft:
            if guess != sampled[-1].token:
                break
            self._slots[slot].append(_Cell(guess))
            sampled.append(self._next(slot))
        return sampled

    def _next(self, slot: int) -> Sampled:
        return Sampled(scripted_token(self.held(slot), self._num_tokens, self._echo))

    def apply(self, operation: Operation) -> None:
        match operation:
            case Release():
                self._slots[operation.slot].clear()
            case Share():
                cells = self._slots[operation.source][operation.start : operation.end]
                self._slots[operation.target][operation.start : operation.end] = cells
            case Save():
                self._snapshots.put(operation.prefix, bytearray(self.held(operation.slot)))
            case Restore():
                self._slots[operation.slot] = [_Cell(token) for token in operation.state]
            case Trim():
                del self._slots[operation.slot][operation.length :]

    def forget(self, sequence: Sequence) -> None:
        """Nothing is kept outside the slots."""

    def _history(self, sequence: Sequence) -> list[_Cell]:
        return self._slots[sequence.running_slot]


def scripted_token(history: list[int], num_tokens: int, echo: int = 0) -> int:
    """The token that follows ``history``: a checksum of it, in ``range(num_tokens)``.

    With ``echo``, three times in four the token ``echo`` places back instead.
    """
    checksum = zlib.crc32(b"".join(token.to_bytes(4, "little") for token in history))
    if echo and len(history) >= echo and checksum % 4:
        return history[-echo]
    return checksum // 4 % num_tokens
