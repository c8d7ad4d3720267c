# SPDX-License-Identifier: Apache-2.0
class KVCache:
    """Counts the cells and slots of the unified KV cache; it holds no tensors.

    A slot is llama.cpp's ``seq_id``; a cell holds one token of one sequence. Cells for all known
    tokens of a sequence are taken when it is admitted, then one for each token it generates.
    """

    def __init__(self, *, num_cells: int, num_slots: int) -> None:
        self.num_cells = num_cells
        self._free_slots = list(reversed(range(num_slots)))
        self._cells: dict[int, int] = {}
        self._num_used = 0

    @property
    def num_used(self) -> int:
        return self._num_used

    @property
    def num_free(self) -> int:
        return self.num_cells - self._num_used

    def can_admit(self, num_tokens: int) -> bool:
        """Whether a slot and cells are free for a sequence of ``num_tokens`` tokens."""
        return bool(self._free_slots) and num_tokens <= self.num_free

    def admit(self, num_tokens: int) -> int:
        """Take a slot with ``num_tokens`` cells; only after ``can_admit``."""
        slot = self._free_slots.pop()
        self._cells[slot] = num_tokens
        self._num_used += num_tokens
        return slot

    def lacks_cell(self, slot: int, num_tokens: int) -> bool:
        """Whether the slot has fewer than ``num_tokens`` cells."""
        return self._cells[slot] < num_tokens

    def grow(self, slot: int) -> None:
        """Take one more cell for the slot; only when ``num_free`` is positive."""
        self._cells[slot] += 1
        self._num_used += 1

    def release(self, slot: int) -> None:
        """Give back the slot and all its cells."""
        self._num_used -= self._cells.pop(slot)
        self._free_slots.append(slot)

    def check(self) -> None:
        """Raise AssertionError if the count is out of balance; for tests and idle moments."""
        assert self._num_used == sum(self._cells.values()), "cells are out of balance"  # noqa: S101
        assert 0 <= self._num_used <= self.num_cells, "more cells than there are"  # noqa: S101
        assert not set(self._free_slots) & set(self._cells), "a slot is free and taken"  # noqa: S101
