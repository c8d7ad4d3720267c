# SPDX-License-Identifier: Apache-2.0
from collections import deque

from atre.engine.kv_cache import KVCache
from atre.engine.sequence import Chunk, Sequence, Status
from atre.ipc.messages import Priority

_RANK = {Priority.CHAT: 0, Priority.API: 1, Priority.BACKGROUND: 2}


class Scheduler:
    """Decides which tokens the next step computes. Knows no model and no socket.

    A batch holds first one token of every sequence that is decoding, then prompt chunks, oldest
    sequence first, up to ``max_batch_tokens`` rows. A sequence is admitted when the KV cache has
    room for all its known tokens. When a decoding sequence finds no cell left, the newest of the
    lowest class is preempted: its cells are freed and it is computed again later.
    """

    def __init__(self, kv: KVCache, *, max_batch_tokens: int) -> None:
        self._kv = kv
        self._max_batch_tokens = max_batch_tokens
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.released_slots: list[int] = []

    def add(self, sequence: Sequence) -> None:
        self.waiting.append(sequence)

    def schedule(self) -> list[Chunk]:
        """The next batch; empty only when nothing is running and nothing waits.

        Slots whose cells the model must forget first are appended to ``released_slots``.
        """
        self._make_room_for_decoding()
        batch = [Chunk(sequence, 1) for sequence in self.running if sequence.is_decoding]
        budget = self._max_batch_tokens - len(batch)
        self._admit()
        for sequence in self.running:
            if budget == 0:
                break
            if not sequence.is_decoding:
                num_tokens = min(sequence.num_uncomputed, budget)
                batch.append(Chunk(sequence, num_tokens))
                budget -= num_tokens
        return batch

    def update(self, batch: list[Chunk], sampled: dict[int, int]) -> None:
        """Record that ``batch`` was computed and append the sampled tokens, by sequence id."""
        for chunk in batch:
            sequence = chunk.sequence
            sequence.num_computed += chunk.num_tokens
            if sequence.id in sampled:
                sequence.tokens.append(sampled[sequence.id])

    def finish(self, sequence: Sequence) -> None:
        """Take a sequence out, wherever it is; harmless for one that is finished already."""
        if sequence.status is Status.RUNNING:
            self.running.remove(sequence)
            self._release(sequence)
        elif sequence.status is Status.WAITING:
            self.waiting.remove(sequence)
        sequence.status = Status.FINISHED

    def preempt(self, sequence: Sequence) -> None:
        """Free the sequence's cells; it waits first in line and is computed again."""
        self.running.remove(sequence)
        self._release(sequence)
        sequence.num_computed = 0
        sequence.status = Status.WAITING
        self.waiting.appendleft(sequence)

    def newest_of_lowest_class(self) -> Sequence:
        """Whom to preempt: who has waited least for the least urgent purpose."""
        return max(self.running, key=lambda s: (_RANK[s.priority], s.id))

    def _make_room_for_decoding(self) -> None:
        """Give each decoding sequence the cell that its last sampled token needs."""
        for sequence in sorted(self.running, key=lambda s: (_RANK[s.priority], s.id)):
            while self._lacks_cell(sequence) and self._kv.num_free == 0:
                self.preempt(self.newest_of_lowest_class())
            if self._lacks_cell(sequence) and sequence.slot is not None:
                self._kv.grow(sequence.slot)

    def _lacks_cell(self, sequence: Sequence) -> bool:
        """False once the sequence was itself preempted: it has no slot then."""
        return sequence.slot is not None and self._kv.lacks_cell(
            sequence.slot, len(sequence.tokens)
        )

    def _admit(self) -> None:
        while (
            self.waiting
            and len(self.running) < self._max_batch_tokens
            and self._kv.can_admit(len(self.waiting[0].tokens))
        ):
            sequence = self.waiting.popleft()
            sequence.slot = self._kv.admit(len(sequence.tokens))
            sequence.status = Status.RUNNING
            self.running.append(sequence)

    def _release(self, sequence: Sequence) -> None:
        if sequence.slot is not None:
            self._kv.release(sequence.slot)
            self.released_slots.append(sequence.slot)
            sequence.slot = None
