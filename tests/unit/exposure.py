# SPDX-License-Identifier: Apache-2.0
"""What a unit may do on the machine, as systemd-analyze(1) counts it."""

import shutil
import subprocess
from pathlib import Path

import pytest

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


def assert_exposed_at_most(unit: Path, tenths: int) -> None:
    """Its exposure, of 0 to 10, is no more; ``tenths`` is ten times that."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={tenths}", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
