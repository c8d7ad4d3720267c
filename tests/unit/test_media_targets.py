# SPDX-License-Identifier: Apache-2.0
"""Backup targets: what is kept of them, what they are worth, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from atre.errors import MediaError, NotFoundError
from atre.ipc.media_messages import (
    AddDiskTarget,
    AddFolderTarget,
    AddSftpTarget,
    DiskState,
    FormatDisk,
    TargetState,
)
from atre.media import judgement, sftp
from atre.media.disk import Disk
from atre.media.failure import NO_UDISKS, DiskError
from atre.media.fitness import can_be_formatted, judged
from atre.media.folder import MARK
from atre.media.mounts import Mount, mount_of, parsed
from atre.media.open_target import FOLDER
from atre.media.record import SftpRecord, read_book
from atre.media.sftp import HostKey, host_keys
from atre.media.system_disk import system_devices
from atre.media.targets import MediaTargets
from atre.space.level import Room

STICK = Disk(
    id="4A1B-22C3", block="/b/sdb1", drive="/d/1", name="SanDisk Ultra, 64.0 GB", label="LUNDI",
    filesystem="exfat", usage="filesystem", size_bytes=64 * 10**9, mount_points=(),
    is_read_only=False, is_encrypted=False, can_power_off=True, can_eject=True,
)  # fmt: skip
BLANK = replace(STICK, id="blank:X-0", block="/b/sdc", filesystem="", usage="", label="")
ROOT = Mount("/", "8:1", "ext4", "/dev/sda1", is_read_only=False)


class Shelf:
    """Disks in a drawer."""

    def __init__(self, place: Path, *plugged: Disk) -> None:
        self.place = place
        self.plugged = {disk.id: disk for disk in plugged}
        self.done: list[str] = []
        self.is_there = True

    def disks(self) -> list[Disk]:
        if not self.is_there:
            raise DiskError(*NO_UDISKS)
        return list(self.plugged.values())

    def mount(self, disk: Disk) -> Path:
        self.done.append("mount")
        self.plugged[disk.id] = replace(disk, mount_points=(str(self.place),))
        return self.place

    def unmount(self, disk: Disk) -> None:
        self.done.append("unmount")
        self.plugged[disk.id] = replace(disk, mount_points=())

    def release(self, disk: Disk) -> None:
        self.unmount(disk)
        self.done.append("off")
        del self.plugged[disk.id]

    def format(self, disk: Disk, label: str) -> None:
        self.done.append(f"format {disk.id} {label}")

    def close(self) -> None:
        self.done.append("close")


Opened = tuple[MediaTargets, Shelf]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    place = tmp_path / "disk"
    place.mkdir()
    shelf = Shelf(place, STICK, BLANK)
    return make(tmp_path, shelf), shelf


def make(tmp_path: Path, shelf: Shelf, *mounts: Mount) -> MediaTargets:
    there = [ROOT, *mounts]
    return MediaTargets(
        tmp_path / "state", tmp_path / "data", shelf, clock=lambda: 5.0, mounts=lambda: there
    )


def state_of(targets: MediaTargets) -> TargetState:
    (report,) = targets.describe().targets
    assert (report.reason is None) == (report.state is TargetState.READY)
    if report.reason:
        assert report.reason.text != report.reason.text_fr
    return report.state


def test_a_disk_goes_through_its_states(opened: Opened, tmp_path: Path) -> None:
    targets, shelf = opened
    first = targets.describe()
    assert [each.state for each in first.disks] == [DiskState.OFFERED, DiskState.BLANK]
    targets.add_disk(AddDiskTarget(disk=STICK.id, label="Lundi"))
    with pytest.raises(MediaError, match="already"):
        targets.add_disk(AddDiskTarget(disk=STICK.id, label="Lundi"))
    assert [each.id for each in targets.describe().disks] == [BLANK.id]
    assert targets.describe().revision != first.revision
    (target,) = targets.describe().targets
    assert state_of(targets) is TargetState.READY

    with targets.hold(target.id) as place:
        assert place.folder == shelf.place / "atre-backups"
        assert place.is_removable
        assert state_of(targets) is TargetState.IN_USE
        with pytest.raises(MediaError, match="do not unplug"):
            targets.release(target.id)
        with pytest.raises(MediaError, match="do not unplug"):
            targets.remove(target.id)
    assert shelf.done == ["mount", "unmount"]  # so that pulling an idle disk does no harm

    targets.release(target.id)
    assert state_of(targets) is TargetState.RELEASED
    with pytest.raises(MediaError, match="may be unplugged"), targets.hold(target.id):
        pass
    shelf.plugged[STICK.id] = STICK
    assert state_of(targets) is TargetState.READY
    again = make(tmp_path, shelf)  # after a restart
    assert state_of(again) is TargetState.READY
    del shelf.plugged[STICK.id]
    assert state_of(again) is TargetState.ABSENT


def test_a_disk_that_is_pulled_while_in_use_is_told_until_it_is_back(opened: Opened) -> None:
    targets, shelf = opened
    targets.add_disk(AddDiskTarget(disk=STICK.id, label="Lundi"))
    (target,) = targets.describe().targets
    with targets.hold(target.id):
        del shelf.plugged[STICK.id]
        assert state_of(targets) is TargetState.PULLED
    assert state_of(targets) is TargetState.PULLED
    shelf.plugged[STICK.id] = STICK
    assert state_of(targets) is TargetState.READY


def test_without_udisks_disks_have_a_reason_and_a_folder_works(
    opened: Opened, tmp_path: Path
) -> None:
    targets, shelf = opened
    targets.add_disk(AddDiskTarget(disk=STICK.id, label="Lundi"))
    shelf.is_there = False
    assert state_of(targets) is TargetState.NO_SERVICE
    folder = tmp_path / "folder"
    folder.mkdir()
    targets.add_folder(AddFolderTarget(path=str(folder), label="Dossier"))
    described = targets.describe()
    assert described.no_disks is not None
    assert "UDisks2" in described.no_disks.text_fr
    with targets.hold(described.targets[1].id) as place:
        assert place.location == str(folder)
    shelf.is_there = True
    assert state_of_first(targets) is TargetState.READY  # nobody takes the disk for pulled


def state_of_first(targets: MediaTargets) -> TargetState:
    return targets.describe().targets[0].state


@pytest.mark.parametrize(
    ("disk", "expected", "is_formatted"),
    [
        (STICK, DiskState.OFFERED, False),
        (replace(STICK, filesystem="vfat"), DiskState.OFFERED, False),
        (replace(STICK, filesystem="hfsplus"), DiskState.UNSUITABLE, True),
        (replace(STICK, filesystem="hfsplus", mount_points=("/x",)), DiskState.UNSUITABLE, False),
        (replace(STICK, is_read_only=True), DiskState.READ_ONLY, False),
        (replace(STICK, usage="crypto", is_encrypted=True), DiskState.LOCKED, True),
        (replace(STICK, is_twin=True), DiskState.UNSUITABLE, False),
        (BLANK, DiskState.BLANK, True),
        (replace(BLANK, is_read_only=True), DiskState.READ_ONLY, False),
    ],
)
def test_what_a_disk_is_good_for(disk: Disk, expected: DiskState, *, is_formatted: bool) -> None:
    assert judged(disk)[0] is expected
    assert can_be_formatted(disk) is is_formatted


def test_a_disk_is_erased_only_when_its_name_was_typed(opened: Opened) -> None:
    targets, shelf = opened
    for disk, typed in ((BLANK, "oui"), (BLANK, ""), (STICK, STICK.name)):
        with pytest.raises(MediaError):
            targets.format(FormatDisk(disk=disk.id, confirmation=typed, label="x"))
    assert shelf.done == []
    targets.format(FormatDisk(disk=BLANK.id, confirmation=f" {BLANK.name} ", label="Mardi"))
    assert shelf.done == [f"format {BLANK.id} Mardi"]


def test_an_ignored_disk_is_not_offered_again(opened: Opened, tmp_path: Path) -> None:
    targets, shelf = opened
    targets.ignore(STICK.id)
    for each in (targets, make(tmp_path, shelf)):
        assert each.describe().disks[0].state is DiskState.IGNORED


def test_a_folder_keeps_its_mark_for_whoever_else_uses_it(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    request = AddFolderTarget(path=str(folder), label="Armoire")
    targets = make(tmp_path / "a", Shelf(tmp_path))
    others = make(tmp_path / "b", Shelf(tmp_path))
    targets.add_folder(request)
    others.add_folder(request)
    (ours,), (theirs,) = targets.describe().targets, others.describe().targets
    assert ours.id == theirs.id
    assert ours.state is theirs.state is TargetState.READY
    targets.remove(ours.id)
    targets.add_folder(request)
    assert targets.describe().targets[0].id == ours.id


def test_what_is_full_is_only_read(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    targets, shelf = opened
    targets.add_disk(AddDiskTarget(disk=STICK.id, label="Lundi"))
    (target,) = targets.describe().targets
    shelf.plugged[STICK.id] = replace(STICK, mount_points=(str(shelf.place),))
    monkeypatch.setattr("atre.media.judgement.room", lambda _: Room(0, 10**9))
    with pytest.raises(MediaError, match="full"), targets.hold(target.id):
        pass
    with targets.hold(target.id, is_read=True) as place:
        assert place.folder is not None


def test_an_unmounted_mount_point_never_gets_a_backup(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    request = AddFolderTarget(path=str(share), label="NAS", mounted=True)
    shelf = Shelf(tmp_path)
    with pytest.raises(MediaError, match="Nothing is mounted"):
        make(tmp_path, shelf).add_folder(request)
    nas = Mount(str(share), "0:50", "cifs", "//nas/box", is_read_only=False)
    make(tmp_path, shelf, nas).add_folder(request)
    assert state_of(make(tmp_path, shelf, nas)) is TargetState.READY
    unmounted = make(tmp_path, shelf)
    assert state_of(unmounted) is TargetState.UNPROVEN
    (share / MARK).write_text("folder-other\n")
    assert state_of(make(tmp_path, shelf, nas)) is TargetState.FOREIGN
    (share / MARK).unlink()  # another share at the same place
    assert state_of(make(tmp_path, shelf, nas)) is TargetState.UNPROVEN
    # A bind of the system disk is mounted, and is no other disk.
    bind = replace(nas, device=ROOT.device)
    assert state_of(make(tmp_path, shelf, bind)) is TargetState.UNPROVEN


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/no/such/folder", "/a\nb"])
def test_a_folder_that_cannot_be_one_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        make(tmp_path, Shelf(tmp_path)).add_folder(AddFolderTarget(path=path, label="x"))


def test_the_box_is_not_backed_up_into_itself(tmp_path: Path) -> None:
    targets = make(tmp_path, Shelf(tmp_path))
    inside = tmp_path / "data" / "inside"
    inside.mkdir(parents=True)
    for path in (inside, tmp_path):
        with pytest.raises(MediaError, match="cannot lie"):
            targets.add_folder(AddFolderTarget(path=str(path), label="x"))


def test_a_full_target_says_so(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets, _ = opened
    folder = tmp_path / "folder"
    folder.mkdir()
    targets.add_folder(AddFolderTarget(path=str(folder), label="Dossier"))
    monkeypatch.setattr(judgement, "room", lambda _: Room(0, 10**9))
    assert state_of(targets) is TargetState.FULL


def test_a_file_of_targets_that_is_damaged_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "backup-targets.json").write_text("{")
    assert read_book(tmp_path).targets == ()
    assert (tmp_path / "backup-targets.unreadable").read_text() == "{"


def test_targets_are_renamed_and_removed(opened: Opened) -> None:
    targets, _ = opened
    targets.add_disk(AddDiskTarget(disk=STICK.id, label="Lundi"))
    (target,) = targets.describe().targets
    targets.rename(target.id, "Mardi")
    assert targets.describe().targets[0].label == "Mardi"
    targets.remove(target.id)
    assert targets.describe().targets == []
    changes: list[Callable[[], object]] = [
        lambda: targets.rename("none", "x"),
        lambda: targets.remove("none"),
        lambda: targets.release("none"),
    ]
    for change in changes:
        with pytest.raises(NotFoundError):
            change()


def test_mountinfo_with_spaces_and_garbage() -> None:
    text = (
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "40 22 8:17 / /media/box/LE\\040DISQUE ro,nosuid - exfat /dev/sdb1 rw\n"
        "nonsense\n\n"
    )  # fmt: skip
    mounts = parsed(text)
    assert [each.place for each in mounts] == ["/", "/media/box/LE DISQUE"]
    assert [each.is_read_only for each in mounts] == [False, True]
    assert mount_of(Path("/media/box/LE DISQUE/x"), mounts) == mounts[1]
    assert mount_of(Path("/media/box/LE"), mounts) == mounts[0]


def test_the_system_is_on_a_volume_on_a_partition_of_a_disk(tmp_path: Path) -> None:
    disk = tmp_path / "devices" / "sda"
    partition, volume = disk / "sda2", tmp_path / "devices" / "dm-0"
    (volume / "slaves").mkdir(parents=True)
    partition.mkdir(parents=True)
    (disk / "dev").write_text("8:0\n")
    (partition / "dev").write_text("8:2\n")
    (partition / "partition").write_text("2\n")
    (volume / "dev").write_text("254:0\n")
    (volume / "slaves" / "sda2").symlink_to(partition)
    block = tmp_path / "block"
    block.mkdir()
    for number, target in (("8:0", disk), ("8:2", partition), ("254:0", volume)):
        (block / number).symlink_to(target)
    root = Mount("/", "254:0", "ext4", "/dev/none", is_read_only=False)
    assert system_devices(tmp_path, [root], block) >= {"254:0", "8:2", "8:0"}


RECORD = SftpRecord(
    id="sftp-1", label="x", host="nas", port=22, user="box", path="/b", host_key="ssh-ed25519 AAAA"
)


@pytest.mark.parametrize(
    ("host", "user", "path"),
    [
        ("-oProxyCommand=x", "box", "/b"),
        ("nas", "-l", "/b"),
        ("nas", "box", "b"),
        ("nas", "box", '/b"; rm'),
        ("nas", "box", "/b/../c"),
        ("nas;reboot", "box", "/b"),
    ],
)
def test_what_ssh_could_take_for_an_option_or_a_command_is_refused(
    host: str, user: str, path: str, tmp_path: Path
) -> None:
    request = AddSftpTarget(host=host, user=user, path=path, label="x", fingerprint="SHA256:x")
    with pytest.raises(MediaError):
        make(tmp_path, Shelf(tmp_path)).add_sftp(request)


def test_the_strongest_host_key_counts_and_garbage_does_not() -> None:
    said = "# nas\nnas ssh-rsa AAAA\nnas ssh-ed25519 AAAB\nnas ssh-ed25519 !!\nnas odd AAAA\n"
    assert host_keys(said) == [HostKey("ssh-ed25519 AAAB"), HostKey("ssh-rsa AAAA")]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Host key verification failed.", "another key"),
        ("box@nas: Permission denied (publickey).", "authorized_keys"),
        ("stat remote: No such file or directory", "no folder /b"),
        ("ssh: connect to host nas port 22: No route to host", "does not answer"),
    ],
)
def test_what_ssh_says_is_told_with_what_to_do(said: str, expected: str) -> None:
    failure = sftp.login_failure(said, RECORD)
    assert expected in str(failure)
    assert failure.french != str(failure)


def test_a_disk_that_the_box_may_not_write_to_says_so(opened: Opened) -> None:
    targets, shelf = opened
    targets.add_disk(AddDiskTarget(disk=STICK.id, label="x"))
    (shelf.place / FOLDER).write_text("no folder")  # root may write to any that is one
    (report,) = targets.describe().targets
    with pytest.raises(MediaError, match="may not write"), targets.hold(report.id):
        pass
    assert state_of(targets) is TargetState.READY
