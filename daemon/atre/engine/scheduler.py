# SPDX-License-Identifier: Apache-2.0
from atre.engine.fair_share import FairShare, preemption_key
from atre.engine.kv_cache import KVCache
from atre.engine.pace import Pace
from atre.engine.radix_tree import common_length
from atre.engine.sequence import Chunk, Sequence, Status

# A prefix that somebody is computing is waited for if it is longer than this; a shorter one is
# computed again sooner than its owner's turn comes.
_WORTH_WAITING_TOKENS = 32


class Scheduler:
    """Decides which tokens the next step computes. Knows no model and no socket.

    A batch holds first one token of every sequence that is decoding, then prompt chunks, least
    served person first, up to what the pace allows. While nothing is to be read, the decoding ones
    get guesses of their next tokens, where guessing pays.

    Who is admitted next, and what that promises to whoever waits, is said in ``FairShare``. A
    sequence is admitted when the KV cache has room for all its known tokens; one whose prefix
    another is just computing waits for that. When a decoding sequence finds no cell, the newest of
    the lowest class is preempted: it waits, and what was not evicted by then is not computed again.
    """

    def __init__(self, kv: KVCache, *, max_running: int, pace: Pace) -> None:
        """``pace`` must allow a row for each of ``max_running`` sequences."""
        self._kv = kv
        self._max_running = max_running
        self._pace = pace
        self.fair_share = FairShare()
        self.waiting: list[Sequence] = []
        self.running: list[Sequence] = []

    def add(self, sequence: Sequence) -> None:
        if not self.running and not self.waiting:
            self.fair_share.forget()
        self._wait(sequence)

    def schedule(self) -> list[Chunk]:
        """The next batch; empty only when nothing is running and nothing waits."""
        self._make_room_for_decoding()
        self._admit()
        decoding = [sequence for sequence in self.running if sequence.is_decoding]
        reading = [sequence for sequence in self.running if not sequence.is_decoding]
        if not reading:
            return self._decode(decoding)
        budget = self._pace.num_rows(len(decoding)) - len(decoding)
        batch = [Chunk(sequence, 1) for sequence in decoding]
        for sequence in sorted(reading, key=self.fair_share.key):
            if budget <= 0:
                break
            num_tokens = min(self._num_until_cut(sequence), budget)
            batch.append(Chunk(sequence, num_tokens))
            budget -= num_tokens
        return batch

    def update(self, batch: list[Chunk], sampled: dict[int, list[int]]) -> None:
        """Record that ``batch`` was computed and append the sampled tokens, by sequence id."""
        for chunk in batch:
            sequence = chunk.sequence
            is_decoding = sequence.is_decoding
            new = sampled.get(sequence.id, [])
            sequence.num_computed += chunk.num_tokens + max(0, len(new) - 1)
            sequence.tokens += new
            if chunk.draft:
                self._kv.shrink(sequence.running_slot, sequence.num_computed)
            if not is_decoding:
                self._kv.record(sequence.running_slot, sequence.computed)
            if new:
                sequence.lookup.update(sequence.tokens)
                self.fair_share.charge(sequence, num_generated=len(new))

    def finish(self, sequence: Sequence) -> None:
        """Take a sequence out, wherever it is; harmless for one that is finished already."""
        if sequence.status is Status.RUNNING:
            self._leave_slot(sequence)
        elif sequence.status is Status.WAITING:
            self.waiting.remove(sequence)
        sequence.status = Status.FINISHED

    def drop(self, sequence: Sequence) -> None:
        """Take a running sequence out that the model could not compute, and forget its cells."""
        self.running.remove(sequence)
        self._kv.drop(sequence.running_slot)
        sequence.slot = None
        sequence.status = Status.FINISHED

    def preempt(self, sequence: Sequence) -> None:
        """Free the sequence's cells for others; it waits and comes back with the same output."""
        self._leave_slot(sequence)
        sequence.num_computed = 0
        sequence.status = Status.WAITING
        self._wait(sequence)

    def in_order(self) -> list[Sequence]:
        """Who waits, next one first."""
        return sorted(self.waiting, key=self.fair_share.key)

    def _wait(self, sequence: Sequence) -> None:
        self.fair_share.join(sequence)
        self.waiting.append(sequence)

    def _num_until_cut(self, sequence: Sequence) -> int:
        """How many tokens to read at most: all, or up to where the cache wants to see them."""
        num_before = self._kv.last_cut(len(sequence.tokens)) - sequence.num_computed
        return num_before if num_before > 0 else sequence.num_uncomputed

    def _decode(self, decoding: list[Sequence]) -> list[Chunk]:
        """A row for each sequence, with a draft where that pays and cells are free."""
        num_rows, most_rows = len(decoding), self._pace.num_rows(0)
        chunks = []
        for sequence in decoding:
            draft: tuple[int, ...] = ()
            if sequence.lookup.has_guess:
                wanted = self._pace.draft_length(sequence.lookup.acceptance, num_rows)
                left = sequence.max_tokens - sequence.num_completion - 1
                draft = self._take_draft(sequence, min(wanted, left, most_rows - num_rows))
            chunks.append(Chunk(sequence, 1, draft))
            num_rows += len(draft)
        return chunks

    def _take_draft(self, sequence: Sequence, length: int) -> tuple[int, ...]:
        """Guesses of the next tokens, as many as there are cells for."""
        draft = sequence.lookup.draft(sequence.tokens, length)
        num_cells = next(
            (taken for taken in range(len(draft)) if not self._kv.grow(sequence.running_slot)),
            len(draft),
        )
        return tuple(draft[:num_cells])

    def _make_room_for_decoding(self) -> None:
        """Give each decoding sequence the cell that its last sampled token needs."""
        for sequence in sorted(self.running, key=preemption_key):
            while self._lacks_cell(sequence) and not self._kv.grow(sequence.running_slot):
                self.preempt(max(self.running, key=preemption_key))

    def _lacks_cell(self, sequence: Sequence) -> bool:
        """False once the sequence was itself preempted: it has no slot then."""
        return sequence.slot is not None and self._kv.lacks_cell(
            sequence.slot, len(sequence.tokens)
        )

    def _admit(self) -> None:
        candidates = list(self.waiting)
        while candidates and len(self.running) < self._max_running:
            # Anew each time: whoever was just admitted was charged for it.
            sequence = min(candidates, key=self.fair_share.key)
            candidates.remove(sequence)
            if self._is_worth_waiting(sequence):
                continue
            admission = self._kv.admit(sequence.user, sequence.known)
            if admission is None:
                break
            self.waiting.remove(sequence)
            self.fair_share.admit(sequence)
            sequence.admit(admission.slot, admission.num_cached)
            self.fair_share.charge(sequence, num_read=sequence.num_uncomputed)
            self.running.append(sequence)

    def _is_worth_waiting(self, sequence: Sequence) -> bool:
        """Whether somebody is computing a prefix that this sequence could share soon."""
        if not self._kv.shares_running:
            return False
        promised = max(
            (
                common_length(other.known, sequence.known)
                for other in self.running
                if other.user == sequence.user and not other.is_decoding
            ),
            default=0,
        )
        if promised <= _WORTH_WAITING_TOKENS:
            return False
        return promised - self._kv.match(sequence.user, sequence.known) > _WORTH_WAITING_TOKENS

    def _leave_slot(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        self._kv.finish(sequence.running_slot, sequence.computed)
        sequence.slot = None
