# SPDX-License-Identifier: Apache-2.0
"""Requests, idle and others are the machine's energy, whatever reads it and however many ask.

The work is what a real engine told while 1 to 8 asked it (see tests/benchmarks/work_record.py).
"""

import pytest
from tests.unit.energy_replay import BEGIN_S, IDLE_W, WORK_W, Meter, Replay, recorded

from atre.ipc.power_basis import Basis

METERS = {
    "counter": Meter(),
    "counter with jitter": Meter(jitter_s=0.2, resolution_j=6.1e-5, late_s=0.2),
    "coarse counter": Meter(resolution_j=1.0),
    "sensor": Meter(scatter=0.1, basis=Basis.SENSOR),
    "plug of 15 s": Meter(period_s=15.0, resolution_j=3.6, basis=Basis.PLUG, late_s=2.0),
    "gaps": Meter(gap=0.15),
}


@pytest.mark.parametrize("meter", METERS.values(), ids=METERS)
@pytest.mark.parametrize("num_streams", [1, 2, 4, 8])
def test_the_parts_add_up_to_the_machine(num_streams: int, meter: Meter) -> None:
    replay = Replay(recorded(num_streams), meter, seed=num_streams)
    replay.run()

    shares = replay.ledger.shares()
    machine_j = sum(span.energy_j for span in replay.trace.between(0, float("inf")))
    assert shares.requests_j + shares.idle_j + shares.other_j == pytest.approx(machine_j, rel=0.01)
    metered_j = 0.0
    for request in replay.request_ids:
        told = replay.ledger.describe([request])
        if meter.gap and told.basis in (Basis.UNKNOWN, Basis.ESTIMATE):
            continue  # all of it fell into a gap
        assert told.j is not None
        assert told.uncertainty is not None
        assert told.basis is meter.basis
        metered_j += told.j * (1 - told.uncertainty)
    assert metered_j <= shares.requests_j * 1.000001
    if not meter.gap:
        told_j = sum(replay.ledger.describe([each]).j or 0 for each in replay.request_ids)
        assert told_j == pytest.approx(shares.requests_j, rel=0.01)


@pytest.mark.parametrize(
    ("name", "within"), [("counter", 0.05), ("counter with jitter", 0.05), ("sensor", 0.15)]
)
@pytest.mark.parametrize("num_streams", [1, 8])
def test_requests_get_what_their_work_really_took(
    num_streams: int, name: str, within: float
) -> None:
    replay = Replay(recorded(num_streams, times=16 // num_streams), METERS[name], seed=7)
    replay.run()

    true_j = sum(
        replay.true_j(each.begin_s, each.end_s) - IDLE_W * (each.end_s - each.begin_s)
        for each in replay.work
    )
    assert replay.ledger.shares().requests_j == pytest.approx(true_j, rel=within)


def test_what_others_take_is_not_laid_on_requests() -> None:
    replay = Replay(recorded(2), METERS["counter"], other_w=6.0)
    replay.run()

    worked_s = sum(each.end_s - each.begin_s for each in replay.work)
    shares = replay.ledger.shares()
    rest_s = replay.end_s - BEGIN_S - worked_s
    assert shares.other_j == pytest.approx(6.0 * rest_s, rel=0.1)
    assert shares.requests_j == pytest.approx((WORK_W + 6.0) * worked_s, rel=0.1)


def test_the_answers_are_told_by_what_they_took() -> None:
    replay = Replay(recorded(4), METERS["counter"])
    replay.run()

    shares = replay.ledger.shares()
    assert sum(bucket.count for bucket in shares.answers) == len(replay.request_ids)
    assert shares.median_j is not None
    assert any(bucket.from_j <= shares.median_j <= bucket.to_j for bucket in shares.answers)
