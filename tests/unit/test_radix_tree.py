# SPDX-License-Identifier: Apache-2.0
"""The tree against the plainest thing that could do its job: a list of what each slot holds."""

import random
from itertools import takewhile

import numpy as np
import pytest

from atre.engine.radix_tree import RadixTree, Tokens


def array(tokens: list[int]) -> Tokens:
    return np.asarray(tokens, np.int32)


class Plain:
    """What each slot holds, written out."""

    def __init__(self) -> None:
        self.held: dict[int, list[int]] = {}
        self.locked: set[int] = set()

    def match(self, tokens: list[int]) -> int:
        return max((len(common(held, tokens)) for held in self.held.values()), default=0)

    def num_cells(self, slots: set[int]) -> int:
        starts = {
            tuple(self.held[slot][:size])
            for slot in slots
            for size in range(1, len(self.held[slot]) + 1)
        }
        return len(starts)


def common(left: list[int], right: list[int]) -> list[int]:
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))
    return [token for token, _ in pairs]


@pytest.mark.parametrize("seed", range(60))
def test_the_tree_agrees_with_a_list(seed: int) -> None:
    rng = random.Random(seed)
    tree, plain = RadixTree(), Plain()
    for slot in range(60):
        prompt = [rng.randrange(3) for _ in range(rng.randint(1, 12))]
        found = tree.match(array(prompt))
        length = found.length if found else 0
        assert length == plain.match(prompt)
        if found:
            assert plain.held[found.slot][:length] == prompt[:length]
        kept = plain.num_cells(plain.locked)
        plain.held[slot] = prompt[:length]
        would_lock = plain.num_cells(plain.locked | {slot}) - kept
        assert tree.num_unlocked(array(prompt[:length])) == would_lock
        tree.add(slot, array(prompt[:length]))
        plain.locked.add(slot)
        for size in sorted(rng.choices(range(length, len(prompt) + 1), k=2)):
            start = len(plain.held[slot])
            copies = tree.extend(slot, array(prompt[start:size]), start)
            for copy in copies:
                assert (
                    plain.held[copy.source][copy.start : copy.end] == prompt[copy.start : copy.end]
                )
            plain.held[slot] = prompt[:size]
            assert tree.counts.num_cells == plain.num_cells(set(plain.held))
        if rng.random() < 0.7:
            tree.unlock(slot)
            plain.locked.remove(slot)
        covered = {
            other
            for other, held in plain.held.items()
            if other != slot and held and plain.held[slot][: len(held)] == held
        }
        assert tree.covered_by(slot) - {s for s, h in plain.held.items() if not h} == covered
        free = sorted(set(plain.held) - plain.locked)
        if free and rng.random() < 0.5:
            victim = rng.choice(free)
            tree.remove(victim)
            del plain.held[victim]
        assert tree.counts.num_cells == plain.num_cells(set(plain.held))
        assert tree.counts.num_locked == plain.num_cells(plain.locked)
