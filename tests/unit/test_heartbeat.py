# SPDX-License-Identifier: Apache-2.0
"""What systemd hears of a loop that it watches, over its own kind of socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from atre.system.heartbeat import Heartbeat


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield heard


def test_it_beats_at_half_the_time_that_is_allowed(manager: socket.socket) -> None:
    now = [100.0]
    heartbeat = Heartbeat({"WATCHDOG_USEC": "60000000"}, lambda: now[0])
    assert heartbeat.tick() == 30.0
    assert manager.recv(100) == b"WATCHDOG=1"
    now[0] += 10
    assert heartbeat.tick() == 20.0
    with pytest.raises(BlockingIOError):
        manager.recv(100)
    now[0] += 25
    assert heartbeat.tick() == 30.0
    assert manager.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getppid())},
    ],
)
def test_nobody_is_told_who_did_not_ask(
    manager: socket.socket, environment: dict[str, str]
) -> None:
    assert Heartbeat(environment).tick() is None
    with pytest.raises(BlockingIOError):
        manager.recv(100)
