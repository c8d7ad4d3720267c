# SPDX-License-Identifier: Apache-2.0
"""NUT's own server and driver, from the first word to the mains being back."""

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration import nut

from atre.power.reading import Basis
from atre.power.samplers.ups import UpsSampler
from atre.power.ups.supply import Supply
from atre.power.ups.watch import Heard, UpsAddress, UpsWatch

_TIMEOUT_S = 60.0
_OFFICE = {
    "ups.status": "OL", "ups.load": "20", "ups.realpower.nominal": "330",
    "battery.charge": "100", "battery.runtime": "1200", "ups.mfr": "Made", "ups.model": "Up 650",
}  # fmt: skip

pytestmark = pytest.mark.skipif(not nut.IS_HERE, reason=nut.MISSING)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[nut.Nut]:
    tmp_path.chmod(0o700)
    with nut.make_nut(tmp_path, _OFFICE).running() as running:
        yield running


class Ear:
    """What a watch tells, until it tells what is waited for."""

    def __init__(self) -> None:
        self._heard: queue.Queue[Heard] = queue.Queue()

    def __call__(self, heard: Heard) -> None:
        self._heard.put(heard)

    def wait(self, is_it: Callable[[Heard], bool]) -> Heard:
        while not is_it(heard := self._heard.get(timeout=_TIMEOUT_S)):
            pass
        return heard


def _watch(port: int, ups: str = "") -> tuple[UpsWatch, Ear]:
    ear = Ear()
    watch = UpsWatch(UpsAddress(port=port, ups=ups), ear)
    watch.start()
    return watch, ear


def test_an_outage_from_beginning_to_end(server: nut.Nut) -> None:
    watch, ear = _watch(server.port)
    try:
        first = ear.wait(lambda heard: heard.supply is Supply.MAINS)
        assert first.state is not None
        assert (first.state.name, first.state.model) == ("office", "Made Up 650")
        reading = UpsSampler(lambda: watch.heard).read(0.0)[0]
        assert (reading.power_w, reading.basis) == (66, Basis.ESTIMATE)
        for status, expected in [
            ("OB", Supply.BATTERY), ("OB LB", Supply.ENDING), ("OL CHRG", Supply.MAINS),
        ]:  # fmt: skip
            server.set(ups_status=status)
            ear.wait(lambda heard, expected=expected: heard.supply is expected)  # type: ignore[misc]
        server.set(ups_status="FSD OL")
        ear.wait(lambda heard: heard.supply is Supply.ENDING)
    finally:
        watch.close()


def test_a_driver_that_dies_on_battery_means_the_worst(server: nut.Nut) -> None:
    watch, ear = _watch(server.port, "office")
    try:
        server.set(ups_status="OB")
        ear.wait(lambda heard: heard.supply is Supply.BATTERY)
        server.kill_driver()
        silent = ear.wait(lambda heard: heard.problem is not None)
        assert silent.problem is not None
        assert "driver" in silent.problem.text
        assert "pilote" in silent.problem.text_fr
        assert silent.supply is Supply.BATTERY
        ear.wait(lambda heard: heard.supply is Supply.ENDING)
    finally:
        watch.close()


def test_a_name_that_the_server_does_not_know(server: nut.Nut) -> None:
    watch, ear = _watch(server.port, "cellar")
    try:
        problem = ear.wait(lambda heard: heard.problem is not None).problem
        assert problem is not None
        assert "'cellar'" in problem.text
    finally:
        watch.close()


@pytest.mark.parametrize(
    "reply",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\xfe\n", b"BEGIN LIST UPS\n" + b"x" * 200_000],
    ids=["closes", "http", "bytes", "endless"],
)
def test_something_else_on_the_port_is_said_and_tried_again(reply: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen = threading.Semaphore(0)

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(100)
                        connection.sendall(reply)
                    except OSError:
                        pass  # it hangs up on an endless reply
                seen.release()

        threading.Thread(target=answer, daemon=True).start()
        watch, ear = _watch(listener.getsockname()[1])
        try:
            problem = ear.wait(lambda heard: heard.problem is not None).problem
            assert problem is not None
            assert "No UPS server answers" in problem.text
            assert seen.acquire(timeout=_TIMEOUT_S)
            assert seen.acquire(timeout=_TIMEOUT_S)
        finally:
            watch.close()
            listener.shutdown(socket.SHUT_RDWR)


def test_a_server_that_is_not_there_is_said() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    watch, ear = _watch(port)
    try:
        assert ear.wait(lambda heard: heard.problem is not None).supply is Supply.UNKNOWN
    finally:
        watch.close()
