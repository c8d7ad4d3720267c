# SPDX-License-Identifier: Apache-2.0
"""What is known of a request at which moment, and what is said while it is not."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.unit.energy_replay import Machine

from atre.engine.work_log import WorkLog
from atre.ipc.energy_messages import RequestEnergy
from atre.ipc.power_basis import Basis
from atre.ipc.server import Connection, Server
from atre.ipc.work_messages import Rows, WatchWork, WorkDone
from atre.power.ledger import EnergyLedger, buckets
from atre.power.trace import PowerTrace, Span
from atre.power.work_watch import WorkWatch


class Bench:
    """A ledger whose clock and trace are moved by hand: 10 W idle, 30 W at work."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.trace = PowerTrace()
        self.machine = Machine(idle_w=10.0, public_source="plug")
        self.ledger = EnergyLedger(self.trace, self.machine, clock=lambda: self.now_s)
        self.ledger.hear()
        self.number = 0

    def measure(self, until_s: float, watts: float) -> None:
        latest = self.trace.latest()
        start_s = latest.end_s if latest else 100.0
        self.trace.append(Span(start_s, until_s, watts * (until_s - start_s), Basis.PLUG))
        self.now_s = max(self.now_s, until_s)

    def work(self, begin_s: float, end_s: float, *, ended: tuple[int, ...] = ()) -> None:
        self.number += 1
        self.now_s = max(self.now_s, end_s)
        self.ledger.add(
            WorkDone(
                start="s",
                number=self.number,
                begin_s=begin_s,
                end_s=end_s,
                rows=(Rows(1, 0, 9),),
                ended=ended,
                goes_on=not ended,
            )
        )

    def told(self, request: str = "s-1") -> RequestEnergy:
        self.ledger.settle()
        return self.ledger.describe([request])


def test_before_anything_was_measured_nothing_is_said() -> None:
    bench = Bench()
    bench.work(100, 101, ended=(1,))

    assert bench.told() == RequestEnergy()
    assert bench.told("never-1") == RequestEnergy()


def test_an_end_is_guessed_at_first_and_corrected_by_the_next_reading() -> None:
    bench = Bench()
    for second in range(100, 110):
        bench.work(second, second + 1)
        bench.measure(second + 1, 30)
        bench.ledger.settle()
    bench.work(110, 110.5, ended=(1,))

    at_once = bench.told()
    bench.measure(111, 20 + 10)  # half a second of work at 40 W above idle
    bench.now_s = 112
    later = bench.told()

    assert at_once.j == pytest.approx(20 * 10 + 20 * 0.5)
    assert at_once.uncertainty == pytest.approx(10 / 210)
    assert at_once.j_idle_share == pytest.approx(105)
    assert later.j == pytest.approx(200 + 15, abs=5)
    assert (later.basis, later.source) == (Basis.PLUG, "plug")
    shares = bench.ledger.shares()
    assert shares.requests_j + shares.idle_j + shares.other_j == pytest.approx(10 * 30 + 30)


def test_energy_waits_for_the_work_that_is_still_being_done() -> None:
    bench = Bench()
    bench.ledger.add(WorkDone(start="s", number=1, begin_s=100, end_s=100))
    bench.measure(101, 30)
    bench.ledger.settle()
    assert bench.ledger.shares().other_j == 0, "nobody can tell yet whose it is"
    bench.work(100, 101, ended=(1,))

    assert bench.told().j == pytest.approx(20)


def test_an_engine_that_is_gone_for_long_is_not_waited_for() -> None:
    bench = Bench()
    bench.ledger.add(WorkDone(start="s", number=1, begin_s=100, end_s=100))
    bench.ledger.lose()
    bench.measure(101, 30)
    bench.ledger.settle()
    before = bench.ledger.shares().other_j
    bench.measure(115, 30)
    bench.ledger.settle()

    assert before == 0
    assert bench.ledger.shares().other_j == pytest.approx(15 * 20)
    assert bench.ledger.is_busy() is None


def test_busy_is_known_from_the_first_step_on_and_for_a_moment_after_the_last() -> None:
    bench = Bench()
    assert bench.ledger.is_busy() is False
    bench.ledger.add(WorkDone(start="s", number=1, begin_s=100, end_s=100))
    assert bench.ledger.is_busy() is True
    bench.work(100, 101, ended=(1,))
    assert bench.ledger.is_busy() is True
    bench.now_s = 103
    assert bench.ledger.is_busy() is False


def test_who_asks_too_early_is_answered_when_the_last_record_comes() -> None:
    bench = Bench()
    bench.measure(100.5, 30)
    told: list[RequestEnergy] = []
    bench.ledger.add(WorkDone(start="s", number=1, begin_s=100, end_s=100))
    bench.ledger.ask(["s-1"], told.append)
    assert told == []
    bench.work(100, 100.5, ended=(1,))
    assert [each.j for each in told] == [pytest.approx(10)]
    bench.ledger.ask(["s-1"], told.append)
    bench.ledger.ask(["s-7"], told.append)
    bench.ledger.lose()
    assert told[1] == told[0]
    assert told[2] == RequestEnergy()


def test_answers_are_counted_in_buckets_that_double() -> None:
    found = buckets([0.0, 0.5, 3.0, 4.0, 4.1, 100.0])

    assert [(each.from_j, each.to_j, each.count) for each in found[:4]] == [
        (0, 1, 2), (1, 2, 0), (2, 4, 2), (4, 8, 1),
    ]  # fmt: skip
    assert sum(each.count for each in found) == 6
    assert buckets([]) == []


class Engine:
    """The socket of an engine whose work the test does."""

    def __init__(self, path: Path) -> None:
        self.log = WorkLog()
        self.watched = threading.Event()
        self._path = path
        self._decoder = msgspec.msgpack.Decoder(WatchWork)
        self.listen()

    def listen(self) -> None:
        self.server = Server(self._path, self._on_frame, lambda _: None)
        self.server.start()

    def _on_frame(self, connection: Connection, body: bytes) -> None:
        wish = self._decoder.decode(body)
        self.log.watch(connection.send, wish)
        self.watched.set()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path / "e.sock")
    yield made
    made.server.close()


def test_the_watch_hears_the_engine_over_its_socket(engine: Engine, tmp_path: Path) -> None:
    ledger = EnergyLedger(PowerTrace(), Machine())
    answered = threading.Event()
    watch = WorkWatch(tmp_path / "e.sock", ledger)
    watch.start()
    assert engine.watched.wait(10)
    engine.log.begin(1.0)
    engine.log.record(1.5, [], [(1, 3)], None)
    engine.log.end(1, goes_on=False)
    ledger.ask([engine.log.request_id(1)], lambda _: answered.set())

    assert answered.wait(10)
    watch.close()


class Listening(EnergyLedger):
    """Remembers the numbers of what it heard, and says when the next one came."""

    def __init__(self) -> None:
        super().__init__(PowerTrace(), Machine())
        self.numbers: list[int] = []
        self.came = threading.Event()

    def add(self, record: WorkDone) -> None:
        super().add(record)
        self.numbers.append(record.number)
        if record.ended:
            self.came.set()


def test_a_watch_that_lost_the_engine_goes_on_after_what_it_heard(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atre.power.work_watch._PERIOD_S", 0.01)

    def work(end_s: float) -> None:
        engine.log.begin(end_s - 0.5)
        engine.log.record(end_s, [], [(1, 3)], None)
        engine.log.end(1, goes_on=False)

    ledger = Listening()
    watch = WorkWatch(tmp_path / "e.sock", ledger)
    watch.start()
    work(1.0)
    assert ledger.came.wait(10)
    before = list(ledger.numbers)
    ledger.came.clear()
    engine.server.close()
    work(2.0)  # nobody listens
    engine.listen()
    assert ledger.came.wait(10)
    watch.close()

    assert before
    assert ledger.numbers == sorted(set(ledger.numbers))
    assert ledger.numbers[-1] > before[-1]


def test_a_reader_that_never_reads_does_not_hold_the_engine_up(
    engine: Engine, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.connect(str(tmp_path / "e.sock"))
        body = msgspec.msgpack.encode(WatchWork())
        deaf.sendall(len(body).to_bytes(4, "big") + body)
        assert engine.watched.wait(10)
        engine.log.begin(0.0)
        for number in range(20_000):  # far more than a socket and our buffer hold
            engine.log.record(float(number + 1), [], [(each, 1) for each in range(50)], None)


def test_on_a_machine_without_a_meter_nobody_waits() -> None:
    bench = Bench()
    bench.machine.public_source = ""
    told: list[RequestEnergy] = []
    bench.ledger.ask(["s-1"], told.append)
    assert told == [RequestEnergy(is_metered=False)]
