# SPDX-License-Identifier: Apache-2.0
"""The verbs about targets, across atred's own socket, on a machine without UDisks2."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from atre.atred.management import ManagementDaemon
from atre.config import Config
from atre.errors import MediaError, NotFoundError
from atre.ipc.media_client import MediaClient
from atre.ipc.media_messages import (
    AddFolderTarget,
    AskSftpHost,
    FormatDisk,
    IgnoreDisk,
    ReleaseTarget,
    RemoveTarget,
    RenameTarget,
    TargetKind,
    TargetState,
)
from atre.space.parts import NAMES


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MediaClient]:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'no-bus'}")
    config = Config(data_dir=tmp_path / "d", runtime_dir=tmp_path / "r", profiles_dir=tmp_path)
    config.state_dir.mkdir(parents=True)
    daemon = ManagementDaemon(config)
    daemon.start()
    with closing(daemon):
        yield MediaClient(config.management_socket)


def test_a_folder_goes_through_its_life(client: MediaClient, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    first = client.targets()
    assert first.targets == []
    assert first.no_disks is not None
    added = client.change(AddFolderTarget(path=str(folder), label="Placard"))
    (target,) = added.targets
    assert (target.kind, target.state) == (TargetKind.FOLDER, TargetState.READY)
    assert target.free_bytes is not None
    assert added.revision != first.revision
    renamed = client.change(RenameTarget(target=target.id, label="Armoire"))
    assert renamed.targets[0].label == "Armoire"
    assert client.change(IgnoreDisk(disk="4A1B-22C3")).disks == []
    with pytest.raises(MediaError) as refused:
        client.change(ReleaseTarget(target=target.id))
    assert refused.value.french == "On ne retire que des disques."
    assert client.change(RemoveTarget(target=target.id)).targets == []
    with pytest.raises(NotFoundError):
        client.change(RemoveTarget(target=target.id))


def test_what_cannot_be_done_is_said_in_french_too(client: MediaClient) -> None:
    with pytest.raises(MediaError) as refused:
        client.change(FormatDisk(disk="x", confirmation="x", label="x"))
    assert "D-Bus" in refused.value.french
    with pytest.raises(MediaError, match="no name"):
        client.ask_sftp_host(AskSftpHost(host="-oProxyCommand=reboot"))


def test_what_takes_the_room_is_told(client: MediaClient) -> None:
    report = client.space()
    assert set(report.parts) == set(NAMES)
    assert report.free_bytes <= report.total_bytes
