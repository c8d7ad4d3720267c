# SPDX-License-Identifier: Apache-2.0
"""No test may leave a process or a thread behind: the next one would run beside it."""

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import psutil
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# An upper bound for what ends by itself once it was told to.
_PATIENCE_S = 5.0


# Tests in these folders run one after another: they make disks and see each other's, or each of
# them drives a browser that wants a core for itself.
_TOGETHER = {"faults": "disks", "media": "disks", "browser": "browser"}


class _ByFile(LoadFileScheduling):  # type: ignore[misc]
    """Keeps a file on one worker, so that what its tests share is started once.

    Not by marks of groups: from pytest 9.2 on, pytest-xdist 3.8 overlooks them and deals out single
    tests (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return _TOGETHER.get(Path(file).parent.name, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _ByFile:
    """Called where ``-n`` asks for workers."""
    # By name, in which the folders of long tests come first; else the files of most tests would.
    config.option.loadscopereorder = False
    return _ByFile(config, log)


@pytest.fixture(autouse=True)
def _no_process_left() -> Iterator[None]:
    """Fail a test that leaves a child process of its own; those of wider fixtures may stay."""
    before = set(psutil.Process().children())
    yield
    left = [child for child in psutil.Process().children() if child not in before]
    _, alive = psutil.wait_procs(left, timeout=_PATIENCE_S)
    assert not alive, f"child processes left behind: {alive}"


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread which would keep the interpreter from ending."""
    before = set(threading.enumerate())
    yield
    left = [each for each in threading.enumerate() if each not in before and not each.daemon]
    for thread in left:
        thread.join(_PATIENCE_S)
    alive = [thread.name for thread in left if thread.is_alive()]
    assert not alive, f"threads left behind: {alive}"


@pytest.fixture(scope="session")
def bert_model() -> ModuleType:
    """The module of that name."""
    return importlib.import_module("tests.bert_model")


@pytest.fixture(scope="session")
def tiny_gguf() -> ModuleType:
    """The module of that name."""
    return importlib.import_module("tests.tiny_gguf")


@pytest.fixture(scope="session")
def fake_hub() -> ModuleType:
    """The module of that name."""
    return importlib.import_module("tests.fake_hub")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run of which every test was skipped: it has shown nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and exitstatus == 0 and reporter.stats and not reporter.stats.get("passed"):
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print the counts, skips too, as the very last line."""
    utilities = sys.modules.get("llama_cpp._utils")
    if utilities:  # it opens these when imported, and Python would complain of them at its end
        utilities.outnull_file.close()
        utilities.errnull_file.close()
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter:
        passed, failed, errors, skipped = (
            len(reporter.stats.get(name, [])) for name in ("passed", "failed", "error", "skipped")
        )
        reporter.write_line(f"{passed} passed, {failed + errors} failed, {skipped} skipped")
