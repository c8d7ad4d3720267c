# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]


@dataclass(slots=True, eq=False)
class _Node:
    """A run of tokens that every slot in ``slots`` holds; ``ends`` are those that end here."""

    tokens: Tokens
    parent: "_Node | None"
    children: dict[int, "_Node"] = field(default_factory=dict)
    slots: set[int] = field(default_factory=set)
    ends: set[int] = field(default_factory=set)
    num_locks: int = 0


@dataclass(slots=True, frozen=True)
class Match:
    """The first ``length`` tokens are held by ``slot``."""

    length: int
    slot: int


@dataclass(slots=True, frozen=True)
class Duplicate:
    """Tokens ``start`` to ``end`` that a slot computed again though ``source`` holds them."""

    source: int
    start: int
    end: int


@dataclass(slots=True)
class Counts:
    """The tokens of all nodes of some trees, and of those on the path of a locked slot."""

    num_cells: int = 0
    num_locked: int = 0


class RadixTree:
    """Which slots hold which token sequences, with what they share stored once.

    Idea: RadixAttention (SGLang, arXiv 2312.07104), over llama.cpp's slots instead of pages. Every
    slot's path ends at the end of a node. Several trees may add to the same ``counts``.
    """

    def __init__(self, counts: Counts | None = None) -> None:
        self._root = _Node(np.empty(0, np.int32), None)
        self._ends: dict[int, _Node] = {}
        self.counts = counts or Counts()

    @property
    def is_empty(self) -> bool:
        """Whether no slot holds anything."""
        return not self._ends

    def match(self, tokens: Tokens) -> Match | None:
        """The longest start of ``tokens`` that some slot holds."""
        node, length, slot = self._root, 0, None
        while length < len(tokens):
            child = node.children.get(int(tokens[length]))
            if child is None:
                break
            common = common_length(child.tokens, tokens[length:])
            length += common
            slot = next(iter(child.slots))
            if common < len(child.tokens):
                break
            node = child
        return None if slot is None else Match(length, slot)

    def match_end(self, tokens: Tokens) -> Match | None:
        """The slot that holds the longest start of ``tokens``, and nothing else."""
        node, length, found = self._root, 0, None
        while length < len(tokens):
            child = node.children.get(int(tokens[length]))
            size = len(child.tokens) if child else 0
            if child is None or common_length(child.tokens, tokens[length:]) < size:
                break
            node, length = child, length + size
            if node.ends:
                found = Match(length, next(iter(node.ends)))
        return found

    def num_unlocked(self, tokens: Tokens) -> int:
        """Of ``tokens``, all of which the tree has, how many are held by unlocked slots only."""
        node, length, unlocked = self._root, 0, 0
        while length < len(tokens):
            node = node.children[int(tokens[length])]
            size = min(len(node.tokens), len(tokens) - length)
            unlocked += 0 if node.num_locks else size
            length += size
        return unlocked

    def add(self, slot: int, tokens: Tokens) -> None:
        """Let ``slot`` hold ``tokens``, all of which the tree has; it is locked."""
        node, length = self._root, 0
        self._ends[slot] = node
        while length < len(tokens):
            child = self._split(node.children[int(tokens[length])], len(tokens) - length)
            self._enter(child, slot)
            length += len(child.tokens)
            node = child
        node.ends.add(slot)
        self._ends[slot] = node

    def extend(self, slot: int, tokens: Tokens, start: int) -> list[Duplicate]:
        """Append ``tokens``, computed from position ``start`` on, to what a locked slot holds.

        Returns the parts of them that another slot holds already: their cells are one too many.
        """
        duplicates: list[Duplicate] = []
        node = self._ends[slot]
        node.ends.discard(slot)
        while len(tokens):
            child = node.children.get(int(tokens[0]))
            if child is None:
                node = self._grow(node, slot, tokens)
                break
            child = self._split(child, common_length(child.tokens, tokens))
            source = next(iter(child.slots))
            self._enter(child, slot)
            size = len(child.tokens)
            duplicates.append(Duplicate(source, start, start + size))
            node, tokens, start = child, tokens[size:], start + size
        node.ends.add(slot)
        self._ends[slot] = node
        return duplicates

    def unlock(self, slot: int) -> None:
        """The slot is not in use any more; what it holds may be evicted."""
        for node in self._path(slot):
            node.num_locks -= 1
            if node.num_locks == 0:
                self.counts.num_locked -= len(node.tokens)

    def remove(self, slot: int) -> None:
        """Forget an unlocked slot, and the tokens that no other slot holds."""
        for node in self._path(slot):
            node.slots.remove(slot)
            node.ends.discard(slot)
            if not node.slots and node.parent:
                del node.parent.children[int(node.tokens[0])]
                self.counts.num_cells -= len(node.tokens)
        del self._ends[slot]

    def covered_by(self, slot: int) -> set[int]:
        """Other slots that hold nothing but a start of what ``slot`` holds."""
        return {end for node in self._path(slot) for end in node.ends} - {slot}

    def _path(self, slot: int) -> Iterator[_Node]:
        """From the slot's last node up, without the root."""
        node = self._ends[slot]
        while node.parent:
            parent = node.parent
            yield node
            node = parent

    def _enter(self, node: _Node, slot: int) -> None:
        node.slots.add(slot)
        if node.num_locks == 0:
            self.counts.num_locked += len(node.tokens)
        node.num_locks += 1

    def _grow(self, node: _Node, slot: int, tokens: Tokens) -> _Node:
        self.counts.num_cells += len(tokens)
        self.counts.num_locked += len(tokens)
        if node.parent and node.slots == {slot} and not node.children:
            node.tokens = np.concatenate([node.tokens, tokens])
            return node
        child = _Node(tokens, node, slots={slot}, num_locks=1)
        node.children[int(tokens[0])] = child
        return child

    def _split(self, node: _Node, length: int) -> _Node:
        """Cut a node so that its first ``length`` tokens are a node, and return that."""
        if length >= len(node.tokens) or node.parent is None:
            return node
        upper = _Node(
            node.tokens[:length],
            node.parent,
            children={int(node.tokens[length]): node},
            slots=set(node.slots),
            num_locks=node.num_locks,
        )
        node.parent.children[int(upper.tokens[0])] = upper
        node.tokens = node.tokens[length:]
        node.parent = upper
        return upper


def common_length(left: Tokens, right: Tokens) -> int:
    """How many tokens two sequences have in common at their start."""
    size = min(len(left), len(right))
    different = left[:size] != right[:size]
    return int(different.argmax()) if different.any() else size
