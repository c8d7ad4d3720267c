# SPDX-License-Identifier: Apache-2.0
"""The privileged reader as a real process, and who listens to it: both ends may restart."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.unit.test_rapl import RANGE_UJ, write_domain

from atre.hardware.tree import Tree
from atre.power.machine_power import span_between
from atre.power.rapl_reader import RaplReader
from atre.power.reading import Basis, Reading, Scope
from atre.power.samplers.rapl import FORBIDDEN, RaplFiles
from atre.power.samplers.rapl_socket import RaplSocket
from atre.power.user_socket import listen


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_domain(tmp_path, "intel-rapl:0", "package-0", 0, RANGE_UJ * 10)
    return tmp_path


@contextlib.contextmanager
def reader(root: Path, path: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The real process, reading ``root``, from when its socket is there."""
    command = [sys.executable, "-m", "atre.power.rapl_reader", "--root", str(root)]
    process = subprocess.Popen([*command, "--socket", str(path), *options])
    try:
        while not _answers(path):
            assert process.poll() is None
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        process.wait()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        return probe.connect_ex(str(path)) == 0


def _until_power(sampler: RaplSocket, root: Path) -> Reading:
    """Turn the counter, at 10 W, until the sampler tells a power: two beats of the reader."""
    energy = root / "sys/class/powercap/intel-rapl:0/energy_uj"
    while True:
        written = energy.with_name("written")
        written.write_text(f"{int(time.monotonic() * 10e6)}\n")
        written.replace(energy)  # the kernel never shows half a number
        (reading,) = sampler.read(time.monotonic())
        if reading.power_w is not None:
            return reading
        time.sleep(0.05)


def test_the_process_tells_one_value_a_second_over_restarts_of_either_end(root: Path) -> None:
    path = root / "rapl.sock"
    sampler = RaplSocket(Tree(root), path)
    (absent,) = sampler.read(time.monotonic())
    assert absent.reason == FORBIDDEN

    with reader(root, path):
        first = _until_power(sampler, root)
        assert (first.source, first.scope, first.basis) == (
            "rapl:package-0",
            Scope.PACKAGE,
            Basis.COUNTER,
        )
        sampler.close()
        sampler = RaplSocket(Tree(root), path)
        second = _until_power(sampler, root)
        # No listener of the same user gets two values of one second.
        assert second.at_s - first.at_s >= 1.0
    (held,) = sampler.read(time.monotonic())
    assert held.power_w is not None  # a restart of the reader is shorter than this
    (silent,) = sampler.read(time.monotonic() + 60)
    assert silent.reason is not None
    assert silent.power_w is None

    with reader(root, path):  # over the socket that the first one left
        restarted = sampler.read(time.monotonic())[0]
        assert span_between([held], [restarted]) is None
        assert _until_power(sampler, root).power_w is not None
    sampler.close()


@pytest.mark.skipif(os.getuid() != 0, reason="changes the user of a child process")
def test_another_user_gets_nothing(root: Path) -> None:
    root.chmod(0o755)
    for parent in root.parents:
        if parent.stat().st_uid == os.getuid() and parent.name.startswith(("pytest", "popen")):
            parent.chmod(0o755)
    path = root / "rapl.sock"
    code = (
        "import os, pwd, socket, sys; os.setuid(pwd.getpwnam(sys.argv[2]).pw_uid);"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET);"
        "s.connect(sys.argv[1]); print(len(s.recv(65536)))"
    )
    with reader(root, path, "--user", "daemon"):
        heard = {}
        for user in ("daemon", "nobody"):
            done = subprocess.run(
                [sys.executable, "-S", "-c", code, str(path), user],
                capture_output=True,
                text=True,
                check=False,
            )
            heard[user] = done.stdout.strip() or done.stderr
    assert int(heard["daemon"]) > 0
    assert heard["nobody"] == "0" or "reset" in heard["nobody"]


def test_who_speaks_to_the_reader_is_dropped_and_the_others_go_on(root: Path) -> None:
    path = root / "rapl.sock"
    beat = RaplReader(RaplFiles(Tree(root)), listen(path), None)
    threading.Thread(target=beat.run, daemon=True).start()
    with contextlib.ExitStack() as stack:
        loud, deaf, good = (
            stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            for _ in range(3)
        )
        for listener in (loud, deaf, good):
            listener.settimeout(10)
            listener.connect(str(path))
        loud.send(b"\xff" * 1000)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

        with contextlib.suppress(ConnectionResetError):
            while loud.recv(65536):
                pass
        assert msgspec.json.decode(good.recv(65536), type=list[Reading])


@pytest.mark.parametrize(
    "packet",
    [
        b"\x00\xffgarbage",
        b"{}",
        b"[1, 2]",
        b'[{"source": "rapl:package-0"}]',
        b"[" * 10_000,
        b"x" * 65_536,
        msgspec.json.encode(
            [Reading(source="plug:a", scope=Scope.WALL, basis=Basis.PLUG, at_s=1.0, power_w=1.0)]
        ),
        msgspec.json.encode(
            [
                Reading(
                    source="rapl:psys",
                    scope=Scope.PLATFORM,
                    basis=Basis.COUNTER,
                    at_s=1e12,
                    power_w=1.0,
                )
            ]
        ),
        msgspec.json.encode(
            [
                Reading(
                    source="rapl:psys",
                    scope=Scope.PLATFORM,
                    basis=Basis.COUNTER,
                    at_s=1.0,
                    energy_j=-1.0,
                )
            ]
        ),
    ],
)
def test_garbage_from_the_socket_is_said_and_never_a_figure(root: Path, packet: bytes) -> None:
    with contextlib.closing(listen(root / "rapl.sock")) as server:
        sampler = RaplSocket(Tree(root), root / "rapl.sock")
        sampler.read(1.0)
        connection, _ = server.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**20)
        with contextlib.closing(connection):
            connection.send(packet)
            (reading,) = sampler.read(2.0)
        sampler.close()
    assert reading.source == "rapl:package-0"
    assert (reading.power_w, reading.energy_j) == (None, None)
    assert reading.reason is not None
    assert "something else" in reading.reason.text


def test_a_flood_does_not_hold_the_meter_up(root: Path) -> None:
    (package,) = RaplFiles(Tree(root)).read(1.0)
    packet = msgspec.json.encode([package])
    with contextlib.closing(listen(root / "rapl.sock")) as server:
        sampler = RaplSocket(Tree(root), root / "rapl.sock")
        sampler.read(1.0)
        connection, _ = server.accept()
        connection.setblocking(False)
        sent = 0
        with contextlib.closing(connection), contextlib.suppress(BlockingIOError):
            while True:
                connection.send(packet)
                sent += 1
        assert sent > 64
        with contextlib.closing(sampler):
            assert sampler.read(2.0) == [package]
            assert sampler._receive() == packet  # some wait for the next read


def test_energy_counts_from_when_one_began_to_listen(root: Path) -> None:
    def packet(at_s: float, energy_j: float) -> bytes:
        return msgspec.json.encode(
            [
                Reading(
                    source="rapl:package-0",
                    scope=Scope.PACKAGE,
                    basis=Basis.COUNTER,
                    at_s=at_s,
                    power_w=9.0,
                    energy_j=energy_j,
                )
            ]
        )

    with contextlib.closing(listen(root / "rapl.sock")) as server:
        sampler = RaplSocket(Tree(root), root / "rapl.sock")
        sampler.read(1.0)
        connection, _ = server.accept()
        told = []
        with contextlib.closing(connection):
            # The second reader had already counted more than the first one when we found it.
            for at_s, energy_j in [(1.0, 500.0), (2.0, 509.0), (3.0, 20.0), (4.0, 30.0)]:
                connection.send(packet(at_s, energy_j))
                told.append(sampler.read(at_s)[0].energy_j)
        sampler.close()
    assert told == [0.0, 9.0, 0.0, 10.0]
