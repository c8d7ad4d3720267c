# SPDX-License-Identifier: Apache-2.0
"""Asking restic for its version on a machine that has no time for it."""

import sys
from pathlib import Path

import pytest

from atre.backup import program
from atre.backup.program import find_program
from atre.errors import BackupError

_WAITS_FOR_A_LINE = '#!/bin/sh\nread -r line < "$0.go"\necho "$line"\n'


def test_one_that_had_no_time_to_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restic = tmp_path / "restic"
    restic.write_text(_WAITS_FOR_A_LINE, "utf-8")
    restic.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    answer = tmp_path / "restic.go"
    answer.write_text("restic 0.18.0\n", "utf-8")
    monkeypatch.setattr(program, "_ASK_S", 0.0)
    with pytest.raises(BackupError, match="no time"):
        find_program()
    monkeypatch.setattr(program, "_ASK_S", 30.0)
    assert find_program().version == "0.18.0"
