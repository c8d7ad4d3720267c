# SPDX-License-Identifier: Apache-2.0
"""A real box whose engine systemd's own listener starts in a namespace without a network."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import BoxStarter, OutsiderMaker

pytestmark = [
    pytest.mark.namespaces,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("systemd-socket-activate"),
        reason="needs root and systemd's own listener",
    ),
]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[Path, psutil.Process]]:
    """The socket of a unit without a network, and the listener whose children run in it."""
    path = tmp_path / "door.sock"
    kept = [f"--setenv={name}={os.environ.get(name, '')}" for name in ("PYTHONPATH", "PATH")]
    with subprocess.Popen(
        ["systemd-socket-activate", "--accept", "--inetd", "--seqpacket", f"--listen={path}",
         *kept, "unshare", "--net", sys.executable, "-m", "atre.box.unit_entry"],
        stderr=subprocess.PIPE,
    ) as listener:  # fmt: skip
        assert listener.stderr
        while b"Listening on" not in listener.stderr.readline():
            assert listener.poll() is None
        yield path, psutil.Process(listener.pid)
        listener.terminate()


def test_the_engine_answers_without_a_network_and_goes_with_the_box(
    start_box: "BoxStarter", door: tuple[Path, psutil.Process], make_outsider: "OutsiderMaker"
) -> None:
    path, listener = door
    box = start_box("--model-unit", str(path))
    answer = make_outsider(box).chat.completions.create(
        model=box.ready["model"],
        messages=[{"role": "user", "content": "Bonjour"}],
        max_tokens=4,
    )
    assert answer.usage
    assert answer.usage.completion_tokens >= 1
    engines = listener.children()
    assert len(engines) == 1, "one connection, one process"
    interfaces = Path(f"/proc/{engines[0].pid}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]
    box.stop()
    assert psutil.wait_procs(engines, timeout=30)[1] == []
