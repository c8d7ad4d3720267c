# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from atre.config import Config
from atre_web.accounts.door import open_door


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A box in an empty folder, none of whose processes run."""
    return Config(data_dir=tmp_path, runtime_dir=tmp_path / "run", profiles_dir=tmp_path)


@pytest.fixture
def key(config: Config) -> str:
    """A key of that box."""
    return open_door(config, run_key=True).run_key or ""
