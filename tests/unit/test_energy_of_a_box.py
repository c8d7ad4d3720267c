# SPDX-License-Identifier: Apache-2.0
"""From a plug's replies and an engine's records to what an answer is told, over real sockets."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from atre.atred import management
from atre.atred.management import ManagementDaemon
from atre.config import Config
from atre.engine.work_log import WorkLog
from atre.ipc.energy_client import EnergyClient
from atre.ipc.energy_messages import RequestEnergy
from atre.ipc.power_basis import Basis
from atre.ipc.presence import Activity, DescribeActivity
from atre.ipc.server import Connection, Server
from atre.ipc.work_messages import CapThreads, WatchWork
from atre.power.samplers.plug import Plug, PlugKind, PlugSettings

WATTS = 80.0
_LONG_S = 60.0


class Shelly(http.server.BaseHTTPRequestHandler):
    """A plug of the second generation, as its RPC answers: a machine that takes 80 W."""

    begun_s = time.monotonic()

    def do_GET(self) -> None:
        wh = 5000 + WATTS * (time.monotonic() - self.begun_s) / 3600
        body = json.dumps(
            {"id": 0, "source": "init", "output": True, "apower": WATTS, "aenergy": {"total": wh}}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class Engine:
    """The engine's address: whoever watches hears of the work that the test does."""

    def __init__(self, path: Path) -> None:
        self.log = WorkLog()
        self.watched = threading.Event()
        self._decoder = msgspec.msgpack.Decoder(WatchWork | DescribeActivity | CapThreads)
        self.server = Server(path, self._on_frame, lambda _: None)
        self.server.start()

    def _on_frame(self, connection: Connection, body: bytes) -> None:
        wish = self._decoder.decode(body)
        if isinstance(wish, WatchWork):
            self.log.watch(connection.send, wish)
            self.watched.set()
        else:
            connection.send(Activity(num_open=0, idle_s=100.0))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = Config(data_dir=tmp_path, runtime_dir=tmp_path / "run", profiles_dir=tmp_path)
    made.runtime_dir.mkdir(parents=True, exist_ok=True)
    made.state_dir.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture
def engine(config: Config) -> Iterator[Engine]:
    made = Engine(config.engine_socket)
    yield made
    made.server.close()


@pytest.fixture
def plug() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shelly)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_an_answer_is_told_what_the_plug_measured(
    config: Config, engine: Engine, plug: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = PlugSettings(kind=PlugKind.SHELLY, host="127.0.0.1", port=plug)
    monkeypatch.setattr(
        management,
        "samplers_of",
        lambda *_args, **_more: [Plug(settings, is_allowed=lambda _: True)],
    )
    daemon = ManagementDaemon(config)
    daemon.start()
    try:
        assert engine.watched.wait(_LONG_S)
        client = EnergyClient(config.management_socket)
        told = _work_until_told(engine.log, client)
    finally:
        daemon.close()

    assert told.j is not None
    assert told.basis is Basis.PLUG
    assert told.source == "plug:shelly"
    assert told.j_idle_share is None, "the machine was never seen without work"
    assert client.of(["another-1"]) == RequestEnergy(), "the daemon is gone"


def _work_until_told(log: WorkLog, client: EnergyClient) -> RequestEnergy:
    """One request after the other, each of a fifth of a second, until one was measured."""
    for number in range(1, int(_LONG_S * 5)):
        begun_s = time.monotonic()
        log.begin(begun_s)
        while time.monotonic() < begun_s + 0.2:
            time.sleep(0.02)  # a step
            log.record(time.monotonic(), [], [(number, 1)], None)
        log.end(number, goes_on=False)
        told = client.of([log.request_id(number)])
        if told.basis is Basis.PLUG:  # else it lies whole behind the last reading, and is guessed
            return told
    raise AssertionError("no energy was ever told")
