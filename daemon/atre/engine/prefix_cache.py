# SPDX-License-Identifier: Apache-2.0
import itertools
from collections import deque
from collections.abc import Sequence as Items
from dataclasses import dataclass

import numpy as np

from atre.engine.kv_cache import Admission, Operation, Release, Share
from atre.engine.radix_tree import RadixTree, Tokens, common_length

# Every step's attention walks all cells that hold something, remembered ones too: with 8,192 of
# them a step of 16 rows took 57 ms in place of 41 (190 M parameters, 2 cores). So at most this part
# of the pool is left to what nobody is using.
_REMEMBERED_SHARE = 4


@dataclass(slots=True, eq=False)
class _Entry:
    """What one slot holds: ``num_known`` tokens of the tree, and ``num_private`` other cells."""

    domain: str
    tree: RadixTree
    base: int
    num_known: int
    num_private: int
    last_used: int = 0


class PrefixCache:
    """A KVCache for memory that can be cut and shared at any token: sequences share prefixes.

    A cell holds one token, for every slot that shares it. When a sequence ends its slot stays
    resident, so that a later one that starts alike need not be computed again, until its cells or
    its slot are needed: the least recently used goes first.

    Nothing is shared between domains but ``public``: the tokens with which every prompt of this
    model begins, whoever asks.
    """

    def __init__(
        self,
        *,
        num_cells: int,
        num_slots: int,
        public: Items[int] = (),
        most_remembered: int | None = None,
    ) -> None:
        """``most_remembered``: cells left to what nobody uses, by default a quarter of all."""
        self.num_cells = num_cells
        self.operations: deque[Operation] = deque()
        self._free_slots = list(reversed(range(num_slots)))
        self._trees: dict[tuple[str, int], RadixTree] = {}
        self._running: dict[int, _Entry] = {}
        self._resident: dict[int, _Entry] = {}
        self._clock = itertools.count()
        self._num_private = 0
        self._most_remembered = (
            num_cells // _REMEMBERED_SHARE if most_remembered is None else most_remembered
        )
        self._public: Tokens = np.asarray(public, np.int32)
        self._public_slot = self._free_slots.pop() if len(self._public) else None

    @property
    def public_slot(self) -> int | None:
        """The slot that must hold the public tokens, computed once, before anything is admitted."""
        return self._public_slot

    @property
    def public(self) -> list[int]:
        """The tokens with which prompts begin, whoever asks."""
        return [int(token) for token in self._public]

    @property
    def num_used(self) -> int:
        """Cells that hold something: in use, or resident."""
        return self._num_known + self._num_private + len(self._public)

    @property
    def num_in_use(self) -> int:
        """Cells of running sequences: those that eviction cannot free."""
        locked = sum(tree.num_locked for tree in self._trees.values())
        return locked + self._num_private + len(self._public)

    @property
    def shares_running(self) -> bool:
        return True

    def last_cut(self, num_tokens: int) -> int:
        del num_tokens  # any chunk is as good as another
        return 0

    def match(self, domain: str, tokens: Tokens) -> int:
        base = self._base(tokens)
        tree = self._trees.get((domain, base))
        found = tree.match(tokens[base:]) if tree else None
        return min(base + (found.length if found else 0), len(tokens) - 1)

    def admit(self, domain: str, tokens: Tokens) -> Admission | None:
        base = self._base(tokens)
        tree = self._trees.get((domain, base), RadixTree())
        found = tree.match(tokens[base:])
        num_cached = min(base + (found.length if found else 0), len(tokens) - 1)
        if not self._has_room_for(tree, base, tokens, num_cached):
            return None
        if not self._free_slots:
            if found and set(self._resident) == {found.slot}:
                found, num_cached = None, base  # the only slot to take is the one to share
            self._evict_oldest(except_slot=found.slot if found else None)
        slot = self._free_slots.pop()
        self._trees[domain, base] = tree
        tree.add(slot, tokens[base:num_cached])
        if num_cached:
            source = found.slot if found else self._public_slot
            assert source is not None, "cached tokens are held by a slot"  # noqa: S101
            self.operations.append(Share(source, slot, 0, num_cached))
        num_private = len(tokens) - max(num_cached, base)
        num_known = max(num_cached - base, 0)
        self._running[slot] = _Entry(domain, tree, base, num_known, num_private)
        self._num_private += num_private
        self._make_room()
        return Admission(slot, num_cached)

    def lacks_cell(self, slot: int, num_tokens: int) -> bool:
        entry = self._running[slot]
        return entry.base + entry.num_known + entry.num_private < num_tokens

    def grow(self, slot: int) -> bool:
        if self.num_in_use >= self.num_cells:
            return False
        self._take(self._running[slot], 1)
        self._make_room()
        return True

    def shrink(self, slot: int, num_tokens: int) -> None:
        entry = self._running[slot]
        self._take(entry, num_tokens - entry.base - entry.num_known - entry.num_private)

    def record(self, slot: int, tokens: Tokens) -> None:
        entry = self._running[slot]
        start = entry.base + entry.num_known
        if len(tokens) <= start:
            return
        for copy in entry.tree.extend(slot, tokens[start:], start):
            self.operations.append(Share(copy.source, slot, copy.start, copy.end))
        entry.num_known += len(tokens) - start
        self._take(entry, start - len(tokens))

    def finish(self, slot: int, tokens: Tokens) -> None:
        if len(tokens) == 0:
            self.drop(slot)
            return
        self.record(slot, tokens)
        entry = self._running.pop(slot)
        self._take(entry, -entry.num_private)
        entry.last_used = next(self._clock)
        entry.tree.unlock(slot)
        self._resident[slot] = entry
        for covered in entry.tree.covered_by(slot) & set(self._resident):
            self._evict(covered)
        while self._resident and self.num_used - self.num_in_use > self._most_remembered:
            self._evict_oldest()

    def drop(self, slot: int) -> None:
        entry = self._running.pop(slot)
        self._take(entry, -entry.num_private)
        entry.tree.unlock(slot)
        self._resident[slot] = entry
        self._evict(slot)

    def evict_all(self) -> None:
        for slot in list(self._resident):
            self._evict(slot)

    def check(self) -> None:
        """Raise AssertionError if the count is out of balance; for tests and idle moments."""
        assert 0 <= self.num_in_use <= self.num_used <= self.num_cells, "cells"  # noqa: S101
        taken = set(self._running) | set(self._resident)
        assert not taken & set(self._free_slots), "a slot is free and taken"  # noqa: S101
        private = [entry.num_private for entry in self._running.values()]
        assert min(private, default=0) >= 0, "private cells"  # noqa: S101
        assert sum(private) == self._num_private, "private cells"  # noqa: S101

    def _take(self, entry: _Entry, num_cells: int) -> None:
        """Give an entry more private cells, or take some back."""
        entry.num_private += num_cells
        self._num_private += num_cells

    @property
    def _num_known(self) -> int:
        return sum(tree.num_cells for tree in self._trees.values())

    def _base(self, tokens: Tokens) -> int:
        size = len(self._public)
        return size if size and common_length(self._public, tokens) == size < len(tokens) else 0

    def _has_room_for(self, tree: RadixTree, base: int, tokens: Tokens, num_cached: int) -> bool:
        if not self._free_slots and not self._resident:
            return False
        num_new = len(tokens) - max(num_cached, base)
        num_kept = tree.num_unlocked(tokens[base:num_cached])
        return self.num_in_use + num_kept + num_new <= self.num_cells

    def _make_room(self) -> None:
        while self.num_used > self.num_cells:
            self._evict_oldest()

    def _evict_oldest(self, except_slot: int | None = None) -> None:
        candidates = [slot for slot in self._resident if slot != except_slot]
        self._evict(min(candidates, key=lambda slot: self._resident[slot].last_used))

    def _evict(self, slot: int) -> None:
        entry = self._resident.pop(slot)
        entry.tree.remove(slot)
        if entry.tree.is_empty:
            del self._trees[entry.domain, entry.base]
        self._free_slots.append(slot)
        self.operations.append(Release(slot))
