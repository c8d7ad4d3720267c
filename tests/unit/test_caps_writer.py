# SPDX-License-Identifier: Apache-2.0
"""The privileged writer as a real process: whoever ends, and however, the limits come back."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.power_caps import write_package, write_policy

from atre.ipc.cap_messages import CapBasis, CapKind
from atre.power.caps.client import WriterCaps, machine_caps
from atre.power.caps.holder import CapHolder
from atre.power.caps.keeper import CapKeeper
from atre.power.caps.writer import CapWriter, file_caps
from atre.power.user_socket import listen

PACKAGE = "rapl:package-0"


@contextlib.contextmanager
def writer(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The real process over the files below ``root``, from when it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "atre.power.caps.writer", "--root", root,
         "--socket", root / "caps.sock", "--state", root / "caps.json"],
    )  # fmt: skip
    try:
        until(lambda: process.poll() is not None or answers(root / "caps.sock"))
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        return probe.connect_ex(str(path)) == 0


def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(0.02)


def client(root: Path) -> WriterCaps:
    return WriterCaps(
        root / "caps.sock", lambda: [cap.read() for cap in file_caps(root)], "atre-caps.service"
    )


def test_limits_come_back_whoever_ends(tmp_path: Path) -> None:
    limit, preference = write_package(tmp_path), write_policy(tmp_path)

    def is_free() -> bool:
        return limit.read_text().strip() == "15000000" and "performance" in preference.read_text()

    caps = client(tmp_path)
    (without, _) = caps.hold({PACKAGE: 9.0})
    assert without.reason is not None
    assert "atre-caps.service" in without.reason.text
    assert without.now == 15.0
    with writer(tmp_path) as process:
        held = {state.name: state for state in caps.hold({PACKAGE: 9.0, "epp": 2.0})}
        assert (held[PACKAGE].now, held[PACKAGE].before) == (9.0, 15.0)
        assert limit.read_text() == "9000000"
        caps.close()  # as the kernel does for an atred that was killed
        until(is_free)
        caps.hold({PACKAGE: 9.0})
        process.terminate()
        assert process.wait() == 0
        assert is_free()
    with writer(tmp_path) as process:
        assert caps.hold({PACKAGE: 9.0})[0].reason is not None  # the connection had ended
        assert caps.hold({PACKAGE: 9.0})[0].now == 9.0
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert limit.read_text() == "9000000"
    with writer(tmp_path):
        assert is_free()
    caps.close()


@pytest.mark.parametrize(
    "packet", [b"{}", b"\xff", b'{"type": "set", "values": {"a": "b"}}', b'{"type": "run"}', b"[]"]
)
def test_garbage_ends_the_connection_and_what_it_held(tmp_path: Path, packet: bytes) -> None:
    limit = write_package(tmp_path)
    holder = CapHolder(lambda: file_caps(tmp_path), tmp_path / "caps.json")
    with contextlib.closing(listen(tmp_path / "caps.sock")) as server:
        server.setblocking(True)
        writer = CapWriter(holder, server, None)
        obeying = threading.Thread(target=writer.serve_one)
        obeying.start()
        caps = client(tmp_path)
        assert caps.hold({PACKAGE: 9.0})[0].now == 9.0
        assert caps._connection is not None
        caps._connection.send(packet)
        obeying.join()
    holder.restore()
    assert limit.read_text().strip() == "15000000"
    caps.close()


def test_one_that_says_nothing_holds_nothing(tmp_path: Path) -> None:
    limit = write_package(tmp_path)
    holder = CapHolder(lambda: file_caps(tmp_path), tmp_path / "caps.json")
    with contextlib.closing(listen(tmp_path / "caps.sock")) as server:
        server.setblocking(True)
        hung = client(tmp_path)
        threading.Thread(target=lambda: hung.hold({PACKAGE: 9.0})).start()
        CapWriter(holder, server, None, silent_s=0.2).serve_one()
    holder.restore()
    assert limit.read_text().strip() == "15000000"
    hung.close()


@pytest.mark.skipif(os.getuid() != 0, reason="changes the user of a child process")
def test_another_user_is_not_obeyed(tmp_path: Path) -> None:
    limit = write_package(tmp_path)
    holder = CapHolder(lambda: file_caps(tmp_path), tmp_path / "caps.json")
    # An abstract name: no folder on its way keeps the other user out.
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind("")
        server.listen()
        name = server.getsockname()
        code = (
            "import os, socket, sys; os.setuid(65534);"
            "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect(bytes.fromhex"
            '(sys.argv[1])); s.send(b\'{"type":"set","values":{"rapl:package-0":9}}\');'
            "print(len(s.recv(100)))"
        )
        other = subprocess.Popen(
            [sys.executable, "-S", "-c", code, name.hex()], stdout=subprocess.PIPE
        )
        CapWriter(holder, server, None).serve_one()
        assert other.communicate()[0].strip() in {b"0", b""}
    assert limit.read_text().strip() == "15000000"


def test_a_machine_without_caps_or_writers_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text("NVRM version\n")
    keeper = CapKeeper(machine_caps(tmp_path, tmp_path / "a", tmp_path / "b"))
    for _ in range(2):
        keeper.beat({}, None, is_on=True, has_meter=False)
    report = keeper.report({})
    assert (report.level, report.basis) == (1.0, CapBasis.OFF)
    (card,) = report.caps
    assert card.kind is CapKind.CARD
    assert card.reason is not None


def test_the_keeper_caps_while_the_box_saves_and_not_after(tmp_path: Path) -> None:
    limit = write_package(tmp_path)
    with writer(tmp_path):
        keeper = CapKeeper([client(tmp_path)])
        for _ in range(2):
            keeper.beat({}, None, is_on=True, has_meter=False)
        assert (keeper.level, keeper.report({}).basis) == (0.6, CapBasis.PLAIN)
        assert limit.read_text() == "9000000"
        keeper.beat({}, None, is_on=False, has_meter=False)
        assert limit.read_text() == "15000000"
        keeper.close()
