# SPDX-License-Identifier: Apache-2.0
"""Several pytest processes side by side: a file of tests is not torn apart between them."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

_CONFTEST = Path(__file__).parents[1] / "conftest.py"
_PATIENCE_S = 120
_FILE = """import pytest
@pytest.mark.parametrize("number", range(4))
def test_nothing(number):
    pass
"""
_FILES = ("browser/test_a.py", "browser/test_b.py", "unit/test_a.py", "unit/test_b.py")


def test_a_file_stays_on_one_worker_and_so_do_the_browsers(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_CONFTEST.read_text("utf-8"), "utf-8")
    for name in _FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(_FILE, "utf-8")
    # fmt: off
    run = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-v", "--import-mode=importlib", "-n", "2",
            "-p", "xdist", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path),
        ],
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False, cwd=tmp_path, capture_output=True, text=True, timeout=_PATIENCE_S,
    )
    # fmt: on
    workers: dict[str, set[str]] = defaultdict(set)
    for worker, file in re.findall(r"\[(gw\d)\] .* PASSED (\w+/test_\w+\.py)", run.stdout):
        workers[file].add(worker)
    assert sorted(workers) == sorted(_FILES), run.stdout + run.stderr
    assert {file: len(names) for file, names in workers.items()} == dict.fromkeys(_FILES, 1)
    assert workers["browser/test_a.py"] == workers["browser/test_b.py"]
    assert len(set.union(*workers.values())) == 2
