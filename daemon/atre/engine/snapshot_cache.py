# SPDX-License-Identifier: Apache-2.0
from collections import deque

from atre.engine.kv_cache import Admission, Operation, Release, Restore, Save
from atre.engine.radix_tree import Tokens
from atre.engine.snapshots import Prefix, Snapshots

_WORTH_SAVING_TOKENS = 32  # copying a state costs about as much as reading this many


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

    @property
    def num_in_use(self) -> int:
        return sum(self._cells.values())

    @property
    def shares_running(self) -> bool:
        return False

    def last_cut(self, num_tokens: int) -> int:
        return num_tokens - 1 if num_tokens > self._least_tokens else 0

    def match(self, domain: str, tokens: Tokens) -> int:
        found = self._snapshots.longest_whole(domain, tokens[:-1])
        return len(found.prefix.tokens) if found else 0

    def admit(self, domain: str, tokens: Tokens) -> Admission | None:
        if not self._free_slots or self.num_in_use + len(tokens) > self.num_cells:
            return None
        slot = self._free_slots.pop()
        self._cells[slot] = len(tokens)
        self._domains[slot] = domain
        found = self._snapshots.longest_whole(domain, tokens[:-1])
        if found is None:
            return Admission(slot, 0)
        self._snapshots.use(found)
        self.operations.append(Restore(slot, found.state))
        return Admission(slot, len(found.prefix.tokens))

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
            self.operations.append(Save(slot, Prefix(self._domains[slot], tokens)))

    def finish(self, slot: int, tokens: Tokens) -> None:
        del tokens  # the state at the end of an answer is no start of the next prompt
        self.drop(slot)

    def drop(self, slot: int) -> None:
        del self._cells[slot], self._domains[slot]
        self._free_slots.append(slot)
        self.operations.append(Release(slot))

    def evict_all(self) -> None:
        self._snapshots.clear()
