# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from atre.config import Config


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where root's units look."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The unit on the bench, beside root's folder."""
    data_dir = tmp_path / "box"
    return Config(data_dir=data_dir, runtime_dir=data_dir / "run", profiles_dir=data_dir)
