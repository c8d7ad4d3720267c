# SPDX-License-Identifier: Apache-2.0
"""What a power cut can leave of a write log, chosen by a seed.

What came before a flush boundary is on the medium. Of what was written since, any part may be, in
any order; of one write, any of its sectors of 512 bytes. A write with FUA that was done before the
cut is on the medium like what was flushed.
"""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.image.write_log import Epoch, Write

SECTOR = 512
_TRIES = 8  # at finding a state that was not had yet, before an epoch is left alone
_MANY_SECTORS = 64


class Kind(StrEnum):
    NONE = "nothing since the flush"
    ALL = "everything"
    PREFIX = "up to one write"
    DROPPED = "all but one write"
    SUBSET = "some writes"
    TORN = "some writes, one of them torn"


@dataclass(frozen=True, slots=True)
class Piece:
    """What got to the medium of one write: ``sectors`` as (first, number), None for all of it."""

    write: Write
    sectors: tuple[tuple[int, int], ...] | None = None

    def spans(self) -> Iterator[tuple[int, int]]:
        """(first byte, bytes) of the write's data."""
        if self.sectors is None:
            yield 0, self.write.length
        else:
            yield from ((first * SECTOR, number * SECTOR) for first, number in self.sectors)


@dataclass(frozen=True, slots=True)
class CrashState:
    """State ``number`` of those that a cut in this epoch can leave; the same for the same seed."""

    epoch: int
    number: int
    kind: Kind
    pieces: tuple[Piece, ...]


def crash_state(epoch: Epoch, seed: int, number: int, *, may_tear: bool = True) -> CrashState:
    """Number 0 is the flush boundary itself, for every seed."""
    choose = random.Random(f"{seed}/{epoch.number}/{number}")
    kinds = [kind for kind in Kind if kind is not Kind.NONE and (may_tear or kind is not Kind.TORN)]
    kind = Kind.NONE if number == 0 or not epoch.writes else choose.choice(kinds)
    n_issued = 0 if kind is Kind.NONE else len(epoch.writes)
    if kind in (Kind.PREFIX, Kind.SUBSET, Kind.TORN):
        n_issued = choose.randint(1, len(epoch.writes))
    issued = epoch.writes[:n_issued]
    kept = _kept(kind, issued, choose)
    return CrashState(epoch.number, number, kind, tuple(kept))


def plan(
    epochs: Sequence[Epoch],
    *,
    seed: int,
    replays: int,
    weighty: Collection[int],
    may_tear: bool = True,
) -> list[CrashState]:
    """At most so many states, all different, in the log's order.

    A third of them are flush boundaries; of the others, half are of ``weighty`` epochs. Fewer if
    the log has not so many.
    """
    choose = random.Random(seed)
    boundaries = choose.sample(range(len(epochs)), min(len(epochs), max(1, replays // 3)))
    states: dict[tuple[int, tuple[Piece, ...]], CrashState] = {
        (number, ()): crash_state(epochs[number], seed, 0) for number in boundaries
    }
    next_number = dict.fromkeys(range(len(epochs)), 1)
    open_ = [epoch.number for epoch in epochs if epoch.writes]
    open_weighty = [number for number in open_ if number in set(weighty)]
    while len(states) < replays and open_:
        pool = open_weighty if open_weighty and choose.random() < 0.5 else open_
        # Of an epoch with many writes there are more states that differ in something.
        weights = [len(epochs[number].writes).bit_length() for number in pool]
        (picked,) = choose.choices(pool, weights)
        for _ in range(_TRIES):
            state = crash_state(epochs[picked], seed, next_number[picked], may_tear=may_tear)
            next_number[picked] += 1
            if (picked, state.pieces) not in states:
                states[picked, state.pieces] = state
                break
        else:
            open_ = [number for number in open_ if number != picked]
            open_weighty = [number for number in open_weighty if number != picked]
    return sorted(states.values(), key=lambda state: (state.epoch, state.number))


def _kept(kind: Kind, issued: Sequence[Write], choose: random.Random) -> list[Piece]:
    if kind in (Kind.NONE, Kind.ALL, Kind.PREFIX):
        return [Piece(write) for write in issued]
    volatile = [write for write in issued if not write.is_fua]
    if kind is Kind.DROPPED:
        lost = {choose.choice(volatile).number} if volatile else set()
    else:
        share = choose.random()
        lost = {write.number for write in volatile if choose.random() < share}
    pieces = [Piece(write) for write in issued if write.number not in lost]
    if kind is Kind.TORN:
        torn = [
            place
            for place, piece in enumerate(pieces)
            if piece.write.length > SECTOR and not piece.write.is_fua
        ]
        if torn:
            place = choose.choice(torn)
            write = pieces[place].write
            pieces[place] = Piece(write, _torn(write.length // SECTOR, choose))
    return pieces


def _torn(n_sectors: int, choose: random.Random) -> tuple[tuple[int, int], ...]:
    """Some of the sectors, neither none nor all."""
    cut = choose.randint(1, n_sectors - 1)
    way = choose.randrange(3)
    if way == 0:
        return ((0, cut),)
    if way == 1 or n_sectors > _MANY_SECTORS:
        return ((cut, n_sectors - cut),)
    return tuple((sector, 1) for sector in sorted(choose.sample(range(n_sectors), cut)))
