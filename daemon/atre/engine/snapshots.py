# SPDX-License-Identifier: Apache-2.0
import itertools
from collections import OrderedDict
from dataclasses import dataclass

from atre.engine.radix_tree import RadixTree, Tokens


@dataclass(slots=True, frozen=True, eq=False)
class Prefix:
    """The tokens that a copy holds, and the domain in which they may be reused."""

    domain: str
    tokens: Tokens


@dataclass(slots=True, frozen=True, eq=False)
class Snapshot:
    """A copy of what a slot held, as llama.cpp wrote it."""

    key: int
    prefix: Prefix
    state: bytearray


class Snapshots:
    """Copies of slots in RAM; the least recently used go when there are too many bytes."""

    def __init__(self, *, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._kept: OrderedDict[int, Snapshot] = OrderedDict()
        self._trees: dict[str, RadixTree] = {}
        self._keys = itertools.count()

    def put(self, prefix: Prefix, state: bytearray) -> None:
        """Keep a copy; one that is larger than the whole room is not kept."""
        if len(state) > self.max_bytes:
            return
        earlier = self.longest_whole(prefix.domain, prefix.tokens)
        if earlier and len(earlier.prefix.tokens) == len(prefix.tokens):
            self._drop(earlier)
        key = next(self._keys)
        self._kept[key] = Snapshot(key, prefix, state)
        self.num_bytes += len(state)
        tree = self._trees.setdefault(prefix.domain, RadixTree())
        tree.add(key, prefix.tokens[:0])
        tree.extend(key, prefix.tokens, 0)
        tree.unlock(key)
        while self.num_bytes > self.max_bytes:
            self._drop(next(iter(self._kept.values())))

    def longest(self, domain: str, tokens: Tokens) -> tuple[int, Snapshot] | None:
        """The copy that begins with the most of ``tokens``, and with how many."""
        tree = self._trees.get(domain)
        found = tree.match(tokens) if tree else None
        return (found.length, self._kept[found.slot]) if found else None

    def longest_whole(self, domain: str, tokens: Tokens) -> Snapshot | None:
        """The longest copy all of whose tokens begin ``tokens``."""
        tree = self._trees.get(domain)
        found = tree.match_end(tokens) if tree else None
        return self._kept[found.slot] if found else None

    def use(self, snapshot: Snapshot) -> None:
        """Count a copy as used now."""
        self._kept.move_to_end(snapshot.key)

    def drop_covered(self, prefix: Prefix) -> None:
        """Forget the copies that hold nothing but a start of ``prefix``, or all of it."""
        while covered := self.longest_whole(prefix.domain, prefix.tokens):
            self._drop(covered)

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()
        self._trees.clear()
        self.num_bytes = 0

    def _drop(self, snapshot: Snapshot) -> None:
        del self._kept[snapshot.key]
        self.num_bytes -= len(snapshot.state)
        tree = self._trees[snapshot.prefix.domain]
        tree.remove(snapshot.key)
        if tree.is_empty:
            del self._trees[snapshot.prefix.domain]
