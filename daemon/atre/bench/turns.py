# SPDX-License-Identifier: Apache-2.0
"""What a box's engine says of its own turns: those of the measurement, without earlier ones."""

from collections.abc import Sequence

import msgspec

from atre.bench.reply import Reply
from atre.errors import BenchmarkError


class Turn(msgspec.Struct, frozen=True):
    """Sums over ``count`` steps that computed the next tokens of ``num_streams`` answers.

    ``outside_s`` of ``total_s`` were spent outside the model's computing and sampling.
    """

    num_streams: int
    count: int
    total_s: float
    outside_s: float

    @property
    def outside_ms(self) -> float:
        """The mean of one turn, in milliseconds."""
        return self.outside_s / self.count * 1000

    @property
    def total_ms(self) -> float:
        """The mean of one turn, in milliseconds."""
        return self.total_s / self.count * 1000


class _Counters(msgspec.Struct):
    turns: list[Turn]


def read_turns(reply: Reply) -> list[Turn]:
    """The counters of ``/engine``. Raises BenchmarkError for an answer that has none."""
    try:
        return msgspec.json.decode(reply.body, type=_Counters).turns
    except msgspec.MsgspecError as error:
        raise BenchmarkError("The server does not count its turns.") from error


def between(before: Sequence[Turn], after: Sequence[Turn]) -> list[Turn]:
    """The turns that ``after`` counts and ``before`` does not."""
    known = {turn.num_streams: turn for turn in before}
    nothing = Turn(0, 0, 0.0, 0.0)
    new = [_difference(turn, known.get(turn.num_streams, nothing)) for turn in after]
    return [turn for turn in new if turn.count > 0]


def _difference(after: Turn, before: Turn) -> Turn:
    return Turn(
        after.num_streams,
        after.count - before.count,
        after.total_s - before.total_s,
        after.outside_s - before.outside_s,
    )
