# SPDX-License-Identifier: Apache-2.0
import importlib.util
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.media.fake_udisks import FakeUDisks
    from tests.media.office import Office
    from tests.media.real_udisks import RealUDisks
    from tests.media.ssh_server import Server


def _load(name: str) -> ModuleType:
    # importlib mode puts no test folder on sys.path.
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


real_module = _load("real_udisks")
fake_module = _load("fake_udisks")
ssh_module = _load("ssh_server")
office_module = _load("office")


@pytest.fixture(scope="session")
def real_udisks(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[RealUDisks]":
    """UDisks2, udev and a bus of their own, in a mount namespace; disks are images on loops."""
    missing = real_module.missing_part()
    if missing:
        pytest.skip(missing)
    with real_module.RealUDisks(tmp_path_factory.mktemp("udisks")) as running:
        yield running


@pytest.fixture
def fake_udisks(tmp_path: Path) -> "Iterator[FakeUDisks]":
    """A service with the objects of a PC into which a USB stick was plugged."""
    missing = fake_module.missing_part()
    if missing:
        pytest.skip(missing)
    with fake_module.FakeUDisks(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is so."""
    eventually_: Callable[[Callable[[], bool]], None] = real_module.eventually
    return eventually_


@pytest.fixture
def server(tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]) -> "Iterator[Server]":
    """A server that listens, and lets nobody in yet."""
    missing = ssh_module.missing_part()
    if missing:
        pytest.skip(missing)
    Path("/run/sshd").mkdir(exist_ok=True)  # it insists (sshd(8))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made: Server = ssh_module.Server(tmp_path / "server", port)
    made.backups.mkdir(parents=True)
    made.start()
    eventually(made.listens)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def make_office() -> "Callable[..., Office]":
    """``make_office(data_dir, disks)``: a box's data and its backups."""
    made: Callable[..., Office] = office_module.Office
    return made
