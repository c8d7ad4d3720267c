# SPDX-License-Identifier: Apache-2.0
import itertools
from collections import deque
from collections.abc import Sequence as Items
from dataclasses import dataclass

import numpy as np

from atre.engine.radix_tree import RadixTree, Tokens, common_length


@dataclass(slots=True, frozen=True)
class Release:
    """The slot holds nothing any more."""

    slot: int


@dataclass(slots=True, frozen=True)
class Share:
    """``target`` holds tokens ``start`` to ``end`` of ``source``, in the same cells."""

    source: int
    target: int
    start: int
    end: int


Operation = Release | Share


@dataclass(slots=True, frozen=True)
class Admission:
    """The slot that a sequence got, and how many of its tokens are in it already."""

    slot: int
    num_cached: int


@dataclass(slots=True, eq=False)
class _Entry:
    """What one slot holds: ``num_known`` tokens of the tree, and ``num_private`` other cells."""

    domain: str
    tree: RadixTree
    base: int
    num_known: int
    num_private: int
    last_used: int = 0


class KVCache:
    """Accounts for the cells of the unified KV cache, and lets sequences share prefixes.

    A slot is llama.cpp's ``seq_id``; a cell holds one token, for every slot that shares it. Cells
    for all known tokens of a sequence are taken when it is admitted, then one for each token it
    generates. When a sequence ends its slot stays resident, so that a later one that starts alike
    need not be computed again, until its cells or its slot are needed: the least recently used
    goes first.

    Nothing is shared between domains but ``public`` (the tokens with which every prompt of this
    model begins, whoever asks), so that no answer's timing tells what somebody else asked.

    What the model must do for all this is appended to ``operations``, in order.
    """

    def __init__(
        self, *, num_cells: int, num_slots: int, public: Items[int] = (), shares: bool = True
    ) -> None:
        """``shares`` is False for models whose memory cannot be cut at any token."""
        self.num_cells = num_cells
        self.operations: deque[Operation] = deque()
        self._shares = shares
        self._free_slots = list(reversed(range(num_slots)))
        self._trees: dict[tuple[str, int], RadixTree] = {}
        self._running: dict[int, _Entry] = {}
        self._resident: dict[int, _Entry] = {}
        self._clock = itertools.count()
        self._public: Tokens = np.asarray(public if shares else (), np.int32)
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

    def match(self, domain: str, tokens: Tokens) -> int:
        """How many of a prompt's tokens would not have to be computed."""
        base = self._base(tokens)
        tree = self._trees.get((domain, base))
        found = tree.match(tokens[base:]) if tree and self._shares else None
        return min(base + (found.length if found else 0), len(tokens) - 1)

    def admit(self, domain: str, tokens: Tokens) -> Admission | None:
        """Take a slot with a cell for each of ``tokens``; None if there is no room now."""
        base = self._base(tokens)
        tree = self._trees.get((domain, base), RadixTree())
        found = tree.match(tokens[base:]) if self._shares else None
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
        self._make_room()
        return Admission(slot, num_cached)

    def lacks_cell(self, slot: int, num_tokens: int) -> bool:
        """Whether the slot has fewer than ``num_tokens`` cells."""
        entry = self._running[slot]
        return entry.base + entry.num_known + entry.num_private < num_tokens

    def grow(self, slot: int) -> bool:
        """Take one more cell for the slot; False if there is none to take."""
        if self.num_in_use >= self.num_cells:
            return False
        self._running[slot].num_private += 1
        self._make_room()
        return True

    def shrink(self, slot: int, num_tokens: int) -> None:
        """Give back the cells beyond ``num_tokens`` that wrong guesses had taken."""
        entry = self._running[slot]
        entry.num_private = num_tokens - entry.base - entry.num_known

    def record(self, slot: int, tokens: Tokens) -> None:
        """``tokens``, all that the slot holds, are computed now and others may share them."""
        entry = self._running[slot]
        start = entry.base + entry.num_known
        if not self._shares or len(tokens) <= start:
            return
        for copy in entry.tree.extend(slot, tokens[start:], start):
            self.operations.append(Share(copy.source, slot, copy.start, copy.end))
        entry.num_known += len(tokens) - start
        entry.num_private -= len(tokens) - start

    def finish(self, slot: int, tokens: Tokens) -> None:
        """The sequence ended or was preempted; its computed ``tokens`` stay resident."""
        if not self._shares or len(tokens) == 0:
            self.drop(slot)
            return
        self.record(slot, tokens)
        entry = self._running.pop(slot)
        entry.num_private = 0
        entry.last_used = next(self._clock)
        entry.tree.unlock(slot)
        self._resident[slot] = entry
        for covered in entry.tree.covered_by(slot) & set(self._resident):
            self._evict(covered)

    def drop(self, slot: int) -> None:
        """Forget a running sequence and all that only it holds."""
        entry = self._running.pop(slot)
        entry.tree.unlock(slot)
        self._resident[slot] = entry
        self._evict(slot)

    def evict_all(self) -> None:
        """Forget everything that nobody is using."""
        for slot in list(self._resident):
            self._evict(slot)

    def check(self) -> None:
        """Raise AssertionError if the count is out of balance; for tests and idle moments."""
        assert 0 <= self.num_in_use <= self.num_used <= self.num_cells, "cells"  # noqa: S101
        taken = set(self._running) | set(self._resident)
        assert not taken & set(self._free_slots), "a slot is free and taken"  # noqa: S101
        assert all(entry.num_private >= 0 for entry in self._running.values())  # noqa: S101

    @property
    def _num_known(self) -> int:
        return sum(tree.num_cells for tree in self._trees.values())

    @property
    def _num_private(self) -> int:
        return sum(entry.num_private for entry in self._running.values())

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
