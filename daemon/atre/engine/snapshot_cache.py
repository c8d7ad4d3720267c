# SPDX-License-Identifier: Apache-2.0
import itertools
from collections import OrderedDict, deque

from atre.engine.kv_cache import Admission, Operation, Release, Restore, Save
from atre.engine.radix_tree import Tokens, common_length

_WORTH_SAVING_TOKENS = 32  # copying a state costs about as much as reading this many


class Snapshots:
    """Copies of states in RAM, by key; the least recently used go when there are too many bytes."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self.num_bytes = 0

    def put(self, key: int, state: bytes) -> None:
        """Keep a copy; one that is larger than the whole room is not kept."""
        self._kept[key] = state
        self.num_bytes += len(state)
        while self.num_bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self.num_bytes -= len(oldest)

    def get(self, key: int) -> bytes:
        """The copy, which counts as used now. Raises KeyError if it is not kept."""
        self._kept.move_to_end(key)
        return self._kept[key]

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def clear(self) -> None:
        self._kept.clear()
        self.num_bytes = 0


class SnapshotCache:
    """A KVCache for memory that cannot be cut: sliding windows, recurrent states, both at once.

    Reading a prompt pauses before its last token, and the state there is copied to RAM. A later
    prompt of the same domain that begins with the same tokens starts from the copy: the next turn
    of a conversation, or the same question asked again.
    """

    def __init__(
        self,
        *,
        num_cells: int,
        num_slots: int,
        snapshots: Snapshots,
        least_tokens: int = _WORTH_SAVING_TOKENS,
    ) -> None:
        """``least_tokens``: of a prompt that is worth a copy."""
        self._least_tokens = least_tokens
        self.num_cells = num_cells
        self.operations: deque[Operation] = deque()
        self._snapshots = snapshots
        self._free_slots = list(reversed(range(num_slots)))
        self._cells: dict[int, int] = {}
        self._domains: dict[int, str] = {}
        self._saved: dict[int, tuple[str, Tokens]] = {}
        self._keys = itertools.count()

    @property
    def num_in_use(self) -> int:
        return sum(self._cells.values())

    @property
    def shares_running(self) -> bool:
        return False

    def last_cut(self, num_tokens: int) -> int:
        return num_tokens - 1 if num_tokens > self._least_tokens else 0

    def match(self, domain: str, tokens: Tokens) -> int:
        return self._longest(domain, tokens)[0]

    def admit(self, domain: str, tokens: Tokens) -> Admission | None:
        if not self._free_slots or self.num_in_use + len(tokens) > self.num_cells:
            return None
        slot = self._free_slots.pop()
        self._cells[slot] = len(tokens)
        self._domains[slot] = domain
        num_cached, key = self._longest(domain, tokens)
        if key is not None:
            self.operations.append(Restore(slot, self._snapshots.get(key)))
        return Admission(slot, num_cached)

    def lacks_cell(self, slot: int, num_tokens: int) -> bool:
        return self._cells[slot] < num_tokens

    def grow(self, slot: int) -> bool:
        if self.num_in_use >= self.num_cells:
            return False
        self._cells[slot] += 1
        return True

    def shrink(self, slot: int, num_tokens: int) -> None:
        self._cells[slot] = num_tokens

    def record(self, slot: int, tokens: Tokens) -> None:
        if len(tokens) == self.last_cut(self._cells[slot]):
            key = next(self._keys)
            self._saved[key] = (self._domains[slot], tokens)
            self.operations.append(Save(slot, key))

    def finish(self, slot: int, tokens: Tokens) -> None:
        del tokens  # the state at the end of an answer is no start of the next prompt
        self.drop(slot)

    def drop(self, slot: int) -> None:
        del self._cells[slot], self._domains[slot]
        self._free_slots.append(slot)
        self.operations.append(Release(slot))

    def evict_all(self) -> None:
        self._saved.clear()
        self._snapshots.clear()

    def _longest(self, domain: str, tokens: Tokens) -> tuple[int, int | None]:
        """The snapshot that saves the most reading: how many tokens, and its key."""
        pending = {each.key for each in self.operations if isinstance(each, Save)}
        for key in [k for k in self._saved if k not in self._snapshots and k not in pending]:
            del self._saved[key]
        starts = [
            (len(saved), key)
            for key, (owner, saved) in self._saved.items()
            if owner == domain
            and key in self._snapshots
            and len(saved) < len(tokens)
            and common_length(saved, tokens) == len(saved)
        ]
        return max(starts, default=(0, None), key=lambda start: start[0])
