# SPDX-License-Identifier: Apache-2.0
import pytest

from atre.bench.reply import Reply
from atre.bench.turns import Turn, between, read_turns
from atre.errors import BenchmarkError


def reply(body: bytes) -> Reply:
    return Reply(200, {}, [(0.0, body)])


def test_only_the_turns_of_the_measurement_count() -> None:
    before = [Turn(1, 10, 1.0, 0.1), Turn(4, 5, 1.0, 0.2)]
    after = [Turn(1, 30, 3.0, 0.5), Turn(4, 5, 1.0, 0.2), Turn(8, 2, 0.5, 0.01)]
    assert between(before, after) == [Turn(1, 20, 2.0, 0.4), Turn(8, 2, 0.5, 0.01)]


def test_means_are_of_one_turn() -> None:
    turn = Turn(4, 20, 2.0, 0.01)
    assert turn.total_ms == pytest.approx(100.0)
    assert turn.outside_ms == pytest.approx(0.5)


def test_counters_are_read_whatever_else_is_told() -> None:
    turn = b'{"num_streams": 2, "count": 3, "total_s": 1.5, "outside_s": 0.25, "more": 1}'
    assert read_turns(reply(b'{"object": "engine", "turns": [' + turn + b"]}")) == [
        Turn(2, 3, 1.5, 0.25)
    ]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"turns": [{"count": "x"}]}'])
def test_other_answers_are_no_counters(body: bytes) -> None:
    with pytest.raises(BenchmarkError):
        read_turns(reply(body))
