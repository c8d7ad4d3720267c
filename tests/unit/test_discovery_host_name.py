# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path

import pytest

from atre.discovery.host_name import keep_host_label, load_box_id, load_host_label


def test_names_are_made_once(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    box_id = load_box_id(state_dir)
    assert re.fullmatch("[0-9a-f]{8}", box_id)
    assert load_host_label(state_dir, box_id) == f"atre-{box_id[:4]}"
    assert load_box_id(state_dir) == box_id
    assert (state_dir / "host-name").read_text() == f"atre-{box_id[:4]}\n"


def test_a_renamed_host_stays_renamed(tmp_path: Path) -> None:
    keep_host_label(tmp_path, "atre-7f3a-2")
    assert load_host_label(tmp_path, "7f3a0000") == "atre-7f3a-2"
    assert [path.name for path in tmp_path.iterdir()] == ["host-name"]


@pytest.mark.parametrize("kept", [b"", b"Bad Name", b"a.b", b"\xff\xfe"])
def test_a_damaged_host_name_is_replaced(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "host-name").write_bytes(kept)
    assert load_host_label(tmp_path, "7f3a0000") == "atre-7f3a"
    assert (tmp_path / "host-name").read_text() == "atre-7f3a\n"


@pytest.mark.parametrize("kept", [b"", b"7F3A0000", b"7f3a", b"\xff"])
def test_a_damaged_box_id_is_replaced(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "box-id").write_bytes(kept)
    box_id = load_box_id(tmp_path)
    assert re.fullmatch("[0-9a-f]{8}", box_id)
    assert load_box_id(tmp_path) == box_id


def test_a_name_that_cannot_be_kept_is_still_a_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state_dir = tmp_path / "file"
    state_dir.write_text("in the way")
    assert load_host_label(state_dir, "7f3a0000") == "atre-7f3a"
    assert "cannot be written" in caplog.text
