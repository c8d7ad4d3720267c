# SPDX-License-Identifier: Apache-2.0
"""A real OpenSSH server, and a real mount that is there and then is not."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atre.errors import MediaError
from atre.ipc.media_messages import AddFolderTarget, AddSftpTarget, TargetState
from atre.media import sftp
from atre.media.folder import MARK
from atre.media.no_disks import NoDisks
from atre.media.targets import MediaTargets

if TYPE_CHECKING:
    from tests.media.ssh_server import Server

Eventually = Callable[[Callable[[], bool]], None]


def _state(targets: MediaTargets) -> TargetState:
    (report,) = targets.describe().targets
    return report.state


def test_a_server_is_known_by_the_key_that_was_confirmed(
    server: "Server", tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atre.media.targets._SERVER_S", 0.0)
    state_dir = tmp_path / "state"
    targets = MediaTargets(state_dir, tmp_path / "data", NoDisks())
    key = sftp.ask_host("127.0.0.1", server.port)
    shown = subprocess.run(
        ["ssh-keygen", "-lf", str(server.directory / "host-key.pub")],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert key.fingerprint in shown
    request = AddSftpTarget(
        host="127.0.0.1", port=server.port, user="root", path=str(server.backups), label="Serveur",
        fingerprint=key.fingerprint,
    )  # fmt: skip
    with pytest.raises(MediaError, match="authorized_keys"):
        targets.add_sftp(request)  # the server does not know the box's key yet
    server.let_in(sftp.own_key(state_dir))
    targets.add_sftp(request)
    assert _state(targets) is TargetState.READY
    with targets.hold(targets.describe().targets[0].id) as place:
        pass
    assert place.location == f"sftp:root@127.0.0.1:{server.backups}"
    _restic_works(place.location, place.options, tmp_path)

    server.change_key(eventually)
    assert _state(targets) is TargetState.HOST_CHANGED
    with pytest.raises(MediaError, match="another key"):
        targets.add_sftp(request)
    server.stop()
    assert _state(targets) is TargetState.UNREACHABLE
    assert (state_dir / "backup-key").stat().st_mode & 0o077 == 0


def _restic_works(location: str, options: tuple[str, ...], tmp_path: Path) -> None:
    """The real program stores something there, where it is installed."""
    beside = Path(sys.executable).parent  # where set-up puts it
    restic = shutil.which("restic", path=f"{beside}:{os.environ['PATH']}")
    if restic is None:
        return
    environment = os.environ | {"RESTIC_PASSWORD": "x", "RESTIC_CACHE_DIR": str(tmp_path / "c")}
    common = [restic, "-r", f"{location}/unit", *(f"-o={each}" for each in options)]
    for verb in (["init"], ["backup", __file__]):
        done = subprocess.run(
            [*common, *verb], check=False, capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr


def test_a_mount_that_goes_away_gets_no_backup(tmp_path: Path) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting needs root on Linux")
    share = tmp_path / "share"
    share.mkdir()
    targets = MediaTargets(tmp_path / "state", tmp_path / "data", NoDisks())
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(share)]
    subprocess.run(mount, check=True)
    try:
        targets.add_folder(AddFolderTarget(path=str(share), label="NAS", mounted=True))
        assert _state(targets) is TargetState.READY
        subprocess.run(["mount", "-o", "remount,ro", str(share)], check=True)
        assert _state(targets) is TargetState.READ_ONLY
    finally:
        subprocess.run(["umount", str(share)], check=True)
    assert _state(targets) is TargetState.UNPROVEN
    assert not (share / MARK).exists()
    subprocess.run(mount, check=True)  # another share in its place
    try:
        assert _state(targets) is TargetState.UNPROVEN
    finally:
        subprocess.run(["umount", str(share)], check=True)
