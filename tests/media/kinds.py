# SPDX-License-Identifier: Apache-2.0
"""Each kind of place for backups, in the same words: made, taken away, brought back."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from tests.media.real_udisks import RealUDisks
from tests.media.seen_from_here import SeenFromHere
from tests.media.ssh_server import Server
from tests.unit.test_media_targets import STICK, Shelf

from atre.ipc.media_messages import AddDiskTarget, AddFolderTarget, AddSftpTarget
from atre.media import sftp
from atre.media.no_disks import NoDisks
from atre.media.open_target import OpenTarget
from atre.media.targets import Disks, MediaTargets
from atre.media.udisks import UDisks

Eventually = Callable[[Callable[[], bool]], None]


class Kind(Protocol):
    """One kind of target, of which this machine has one."""

    @property
    def disks(self) -> Disks: ...

    def add(self, targets: MediaTargets, label: str) -> None:
        """As a manager adds it."""

    def take_away(self) -> None:
        """Without a word to the box."""

    def bring_back(self) -> None: ...

    def inside(self, place: OpenTarget) -> Path:
        """The folder of an open target, as this process reaches it."""


class Folder:
    """A folder of the box's own system."""

    def __init__(self, directory: Path) -> None:
        self.disks: Disks = NoDisks()
        self._folder = directory / "folder"
        self._folder.mkdir()

    def add(self, targets: MediaTargets, label: str) -> None:
        targets.add_folder(AddFolderTarget(path=str(self._folder), label=label, mounted=False))

    def take_away(self) -> None:
        self._folder.rename(self._folder.with_name("elsewhere"))

    def bring_back(self) -> None:
        self._folder.with_name("elsewhere").rename(self._folder)

    def inside(self, place: OpenTarget) -> Path:
        assert place.folder == self._folder
        return self._folder


class Mounted:
    """A share that counts only while it is mounted."""

    def __init__(self, directory: Path) -> None:
        self.disks: Disks = NoDisks()
        self._share, self._mount_point = directory / "share", directory / "mnt"
        for each in (self._share, self._mount_point):
            each.mkdir()

    @contextmanager
    def running(self) -> Iterator["Mounted"]:
        run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", self._share)
        try:
            self.bring_back()
            yield self
        finally:
            subprocess.run(["umount", self._mount_point], check=False, capture_output=True)
            run("umount", self._share)

    def add(self, targets: MediaTargets, label: str) -> None:
        targets.add_folder(AddFolderTarget(path=str(self._mount_point), label=label, mounted=True))

    def take_away(self) -> None:
        run("umount", self._mount_point)

    def bring_back(self) -> None:
        run("mount", "--bind", self._share, self._mount_point)

    def inside(self, place: OpenTarget) -> Path:
        assert place.folder == self._mount_point
        return self._mount_point


class FakeDisk:
    """A disk of the drawer that the unit tests have."""

    def __init__(self, directory: Path) -> None:
        place = directory / "disk"
        place.mkdir()
        self.disks = Shelf(place, STICK)

    def add(self, targets: MediaTargets, label: str) -> None:
        targets.add_disk(AddDiskTarget(disk=STICK.id, label=label))

    def take_away(self) -> None:
        del self.disks.plugged[STICK.id]

    def bring_back(self) -> None:
        self.disks.plugged[STICK.id] = STICK

    def inside(self, place: OpenTarget) -> Path:
        assert place.folder is not None
        return place.folder


class RealDisk:
    """An image on a loop device, which the real UDisks2 mounts."""

    def __init__(self, udisks: RealUDisks, disks: SeenFromHere, eventually: Eventually) -> None:
        self._udisks, self.disks, self._eventually = udisks, disks, eventually
        self._image = udisks.image()
        run("mkfs.ext4", "-q", "-L", "contrat", self._image)
        self._device = ""
        self.bring_back()

    def add(self, targets: MediaTargets, label: str) -> None:
        (disk,) = [each for each in targets.describe().disks if each.label == "contrat"]
        targets.add_disk(AddDiskTarget(disk=disk.id, label=label))

    def take_away(self) -> None:
        self._udisks.pull_out(self._device)
        self._eventually(lambda: not self._is_there())

    def bring_back(self) -> None:
        self._device = self._udisks.plug_in(self._image)
        self._eventually(self._is_there)

    def inside(self, place: OpenTarget) -> Path:
        assert place.folder is not None
        return place.folder

    def _is_there(self) -> bool:
        return any(each.label == "contrat" for each in self.disks.disks())


class OverSftp:
    """A folder of the real sshd's."""

    def __init__(self, server: Server, eventually: Eventually) -> None:
        self.disks: Disks = NoDisks()
        self._server, self._eventually = server, eventually

    def add(self, targets: MediaTargets, label: str) -> None:
        self._server.let_in(sftp.own_key(targets._state_dir))
        key = sftp.ask_host("127.0.0.1", self._server.port)
        targets.add_sftp(
            AddSftpTarget(
                host="127.0.0.1", port=self._server.port, user="root",
                path=str(self._server.backups), label=label, fingerprint=key.fingerprint,
            )
        )  # fmt: skip

    def take_away(self) -> None:
        self._server.stop()

    def bring_back(self) -> None:
        self._server.start()
        self._eventually(self._server.listens)

    def inside(self, place: OpenTarget) -> Path:
        assert place.location == f"sftp:root@127.0.0.1:{self._server.backups}"
        return self._server.backups


KINDS = ("folder", "mounted", "fake disk", "real disk", "sftp")


@contextmanager
def opened(name: str, request: pytest.FixtureRequest, directory: Path) -> Iterator[Kind]:
    """The kind of that name, or a skip with what this machine lacks for it."""
    with ExitStack() as stack:
        match name:
            case "folder":
                yield Folder(directory)
            case "mounted":
                if sys.platform != "linux" or os.geteuid() != 0:
                    pytest.skip("mounting needs root on Linux")
                yield stack.enter_context(Mounted(directory).running())
            case "fake disk":
                yield FakeDisk(directory)
            case "real disk":
                real = request.getfixturevalue("real_udisks")
                disks = UDisks(directory, bus_address=real.bus_address)
                seen = SeenFromHere(stack.enter_context(closing(disks)), real.root)
                disk = RealDisk(real, seen, request.getfixturevalue("eventually"))
                yield disk
                disk.take_away()
            case _:
                yield OverSftp(
                    request.getfixturevalue("server"), request.getfixturevalue("eventually")
                )


def run(*argv: str | Path) -> None:
    subprocess.run(argv, check=True, capture_output=True)
