# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.image import programs
from tests.image.replay import main
from tests.image.replay_page import table


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A call that is right but for its files."""
    for name in ("base", "log"):
        (tmp_path / name).write_bytes(b"no disk, no log" * 100)
    files = ["--base", str(tmp_path / "base"), "--log", str(tmp_path / "log")]
    return [*files, "--expect", f"1={tmp_path}", "--folder", str(tmp_path)]


def said(words: list[str]) -> str:
    done = CliRunner().invoke(main, words)
    assert done.exit_code in (1, 2)
    assert isinstance(done.exception, SystemExit), "a traceback is no answer"
    return done.output


def test_a_missing_program_is_named_with_its_package(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_PATH", "/nowhere")
    answer = said(words)
    assert "grub-fstest" in answer
    assert "grub-common" in answer


def test_what_is_wrong_with_the_call_is_told(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.image.replay.missing", lambda: "")
    assert "is no write log" in said(words)
    assert "is not NAME=VALUE" in said([*words, "--canary", "lib/file"])
    assert "is not EPOCH:NUMBER" in said([*words, "--only", "12"])
    assert "--save takes the state" in said([*words, "--save", "x"])


def test_the_table_has_a_row_for_each_log_and_their_sum() -> None:
    report: dict[str, Any] = {
        "name": "installation", "writes": 1986, "epochs": 472, "replays": 1000, "seed": 3,
        "seconds": 600.0, "unbootable": 0, "versions": {"1": 600, "2": 400},
        "data": {"intact": 1000}, "failures": [],
    }  # fmt: skip
    other = {**report, "name": "reset", "replays": 500, "unbootable": 1, "failures": [{}, {}]}
    head, rule, first, _, last = table([report, other]).splitlines()
    assert head.count("|") == rule.count("|") == first.count("|") == last.count("|")
    row = "| installation | 1986 | 471 | 1000 | 3 | 10 | 0 | 1 600, 2 400 | intact 1000 | 0 |"
    assert first == row
    assert last == "| **together** | | | **1500** | | 20 | **1** | | | 2 |"
