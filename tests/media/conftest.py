# SPDX-License-Identifier: Apache-2.0
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.media import fake_udisks as fake_module
from tests.media import real_udisks as real_module
from tests.media import ssh_server as ssh_module
from tests.media.fake_udisks import FakeUDisks
from tests.media.office import Office
from tests.media.real_udisks import RealUDisks
from tests.media.ssh_server import Server


@pytest.fixture(scope="session")
def udisks_or_why(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealUDisks | str]:
    """UDisks2, udev and a bus of their own, in a mount namespace; or why they cannot run here."""
    missing = real_module.missing_part()
    if missing:
        yield missing
        return
    with RealUDisks(tmp_path_factory.mktemp("udisks")) as running:
        yield running


@pytest.fixture(scope="session")
def real_udisks(udisks_or_why: RealUDisks | str) -> RealUDisks:
    """The real UDisks2; disks are images on loops."""
    if isinstance(udisks_or_why, str):
        pytest.skip(udisks_or_why)
    return udisks_or_why


@pytest.fixture
def fake_udisks(tmp_path: Path) -> Iterator[FakeUDisks]:
    """A service with the objects of a PC into which a USB stick was plugged."""
    missing = fake_module.missing_part()
    if missing:
        pytest.skip(missing)
    with FakeUDisks(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is so."""
    return real_module.eventually


@pytest.fixture
def server(tmp_path: Path, eventually: Callable[[Callable[[], bool]], None]) -> Iterator[Server]:
    """A server that listens, and lets nobody in yet."""
    missing = ssh_module.missing_part()
    if missing:
        pytest.skip(missing)
    Path("/run/sshd").mkdir(exist_ok=True)  # it insists (sshd(8))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Server(tmp_path / "server", port)
    made.backups.mkdir(parents=True)
    made.start()
    eventually(made.listens)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def make_office() -> Callable[..., Office]:
    """``make_office(data_dir, disks)``: a box's data and its backups."""
    return Office
