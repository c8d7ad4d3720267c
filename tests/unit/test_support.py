# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest

from atre.atred.support import support_contents
from atre.errors import EngineUnavailableError
from atre.hardware.bundle import write_bundle
from atre.hardware.detect import detect
from atre.ipc.nudge import RESTART, NudgeSocket, nudge

MACHINE = Path(__file__).parents[1] / "machines" / "n100-mini-pc"


def test_the_bundle_has_logs_and_versions_and_names_nobody(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "atred.log").write_text("2026-11-22 00:11:22:33:44:55 the disk is full\n")
    contents = support_contents(logs, MACHINE)
    text = contents.files["logs/atred.log"].decode()
    assert "the disk is full" in text
    assert "00:11:22" not in text
    assert json.loads(contents.files["versions.json"])["llama-cpp-python"][0].isdigit()


def test_detection_reads_the_bundle_as_it_reads_the_machine(tmp_path: Path) -> None:
    write_bundle(support_contents(tmp_path / "none", MACHINE), tmp_path / "bundle")
    assert detect(tmp_path / "bundle") == detect(MACHINE)


def test_a_restart_is_asked_for_once_however_often_and_only_of_a_running_box(
    tmp_path: Path,
) -> None:
    with pytest.raises(EngineUnavailableError, match="does not listen"):
        nudge(tmp_path / RESTART)
    socket_ = NudgeSocket(tmp_path / RESTART)
    assert not socket_.was_asked()
    for _ in range(3):
        nudge(tmp_path / RESTART)
    assert socket_.was_asked()
    assert not socket_.was_asked()
    socket_.close()
