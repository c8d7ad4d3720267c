# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from atre.hardware.gfx import read_gfx
from atre.hardware.tree import Tree

_ADDRESS = "0000:c5:00.0"
_LOCATION = 0xC5 << 8


def gfx(root: Path, properties: str, device_id: str = "15c8") -> str | None:
    file = root / "sys/class/kfd/kfd/topology/nodes/1/properties"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(properties, "utf-8")
    return read_gfx(Tree(root), _ADDRESS, device_id)


@pytest.mark.parametrize(
    ("version", "name"),
    [(110501, "gfx1151"), (110003, "gfx1103"), (90010, "gfx90a"), (120001, "gfx1201")],
)
def test_the_compute_driver_tells_the_target(tmp_path: Path, version: int, name: str) -> None:
    facts = f"simd_count 24\ngfx_target_version {version}\nlocation_id {_LOCATION}\ndomain 0\n"
    assert gfx(tmp_path, facts) == name


def test_another_gpu_is_not_asked(tmp_path: Path) -> None:
    assert gfx(tmp_path, f"gfx_target_version 110000\nlocation_id {_LOCATION + 8}\n") is None
    assert gfx(tmp_path, f"gfx_target_version 110000\nlocation_id {_LOCATION}\ndomain 1\n") is None


def test_without_the_compute_driver_the_id_tells(tmp_path: Path) -> None:
    assert read_gfx(Tree(tmp_path), _ADDRESS, "1586") == "gfx1151"
    assert read_gfx(Tree(tmp_path), _ADDRESS, "744c") is None
    assert read_gfx(Tree(tmp_path), "nowhere", "1586") == "gfx1151"


@pytest.mark.parametrize("version", ["0", "-110003", "117003", "9999999999", "N/A", ""])
def test_nonsense_is_no_target(tmp_path: Path, version: str) -> None:
    facts = f"gfx_target_version {version}\nlocation_id {_LOCATION}\ndomain 0\n"
    assert gfx(tmp_path, facts) is None
    assert gfx(tmp_path, facts, "1900") == "gfx1103"
