# SPDX-License-Identifier: Apache-2.0
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from atre.box.child_log import ChildLog
from atre.box.supervisor import ChildSpec, Supervisor


def test_lines_are_kept_with_their_time_and_the_files_stay_small(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "logs", "atred", max_bytes=1000)
    for number in range(100):
        log.write(b"line %d\n" % number)
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == ["atred.log", "atred.log.1"]
    assert all(file.stat().st_size <= 1000 + 50 for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    last = files[0].read_text().splitlines()[-1]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ line 99", last)


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    log = ChildLog(tmp_path, "atred")
    log.write(b"x" * 100_000)
    assert (tmp_path / "atred.log").stat().st_size < 5000


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    ChildLog(tmp_path / "logs", "atred").write(b"lost\n")


def test_what_a_process_says_is_kept_and_passed_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    read, write = os.pipe()
    with os.fdopen(write, "wb") as end:
        end.write(b"a word\nand the last one")
    ChildLog(tmp_path, "engine")._follow(os.fdopen(read, "rb"))
    kept = (tmp_path / "engine.log").read_text()
    assert "Z a word\n" in kept
    assert kept.endswith("Z and the last one\n")
    assert capfd.readouterr().err == "a word\nand the last one"


def test_a_restarted_process_is_another_and_what_it_said_is_kept(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A real process, which says it is ready, twice."""
    says = (
        "import os, socket, sys, time\n"
        "sys.stderr.write(f'pid {os.getpid()}\\n'); sys.stderr.flush()\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "s.connect(os.environ['NOTIFY_SOCKET']); s.send(b'READY=1'); sys.stdin.read()\n"
    )
    tmp_path = tmp_path_factory.mktemp("log")  # short: a socket goes there
    before = {number: signal.getsignal(number) for number in (15, 2, 17)}
    num_ready = 0

    def on_change(_name: str) -> None:
        nonlocal num_ready
        num_ready += 1
        if num_ready == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    supervisor = Supervisor(tmp_path, on_change, logs_dir=tmp_path / "logs")
    try:
        supervisor.start(ChildSpec("child", [sys.executable, "-c", says]))

        def tick() -> None:
            if num_ready == 1 and supervisor.is_ready("child"):
                supervisor.restart("child")

        supervisor.run(tick)
    finally:
        supervisor.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    kept = (tmp_path / "logs" / "child.log").read_text()
    assert len(set(re.findall(r"pid (\d+)", kept))) == 2
