# SPDX-License-Identifier: Apache-2.0
"""Disks on the real UDisks2, as far as loop devices go, and on one that mimics what is not here."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atre.ipc.media_messages import DiskState
from atre.media.disk import Disk
from atre.media.failure import DiskError, Fault
from atre.media.fitness import can_be_formatted, judged
from atre.media.udisks import UDisks

if TYPE_CHECKING:
    from tests.media.fake_udisks import FakeUDisks
    from tests.media.real_udisks import RealUDisks

Eventually = Callable[[Callable[[], bool]], None]

# A LUKS2 header's beginning is all that blkid needs (cryptsetup, docs/on-disk-format-luks2).
_LUKS = (
    b"LUKS\xba\xbe\0\x02"
    + (16384).to_bytes(8, "big")
    + (1).to_bytes(8, "big")
    + bytes(48)
    + (
        b"sha256".ljust(32, b"\0")
        + bytes(64)
        + b"11111111-2222-3333-4444-555555555555".ljust(40, b"\0")
    )
)


@pytest.fixture
def disks(real_udisks: "RealUDisks", tmp_path: Path) -> Iterator[UDisks]:
    with closing(UDisks(tmp_path, bus_address=real_udisks.bus_address)) as opened:
        yield opened


def _make(kind: str, image: Path, *options: str) -> None:
    subprocess.run([f"mkfs.{kind}", *options, str(image)], check=True, capture_output=True)


def _found(disks: UDisks, label: str) -> Disk | None:
    return next((each for each in disks.disks() if each.label == label), None)


def _appeared(disks: UDisks, label: str, eventually: Eventually) -> Disk:
    eventually(lambda: _found(disks, label) is not None)
    found = _found(disks, label)
    assert found is not None
    return found


def test_the_real_service_says_its_version(disks: UDisks) -> None:
    assert re.fullmatch(r"2\.\d+\.\d+", disks.version())


def test_a_disk_is_known_by_its_filesystem_wherever_it_is_plugged_in(
    disks: UDisks, real_udisks: "RealUDisks", eventually: Eventually
) -> None:
    heard: list[None] = []
    disks.on_change = lambda: heard.append(None)
    image = real_udisks.image()
    _make("ext4", image, "-q", "-L", "LUNDI")
    assert _found(disks, "LUNDI") is None
    heard.clear()
    device = real_udisks.plug_in(image)
    disk = _appeared(disks, "LUNDI", eventually)
    assert heard
    assert judged(disk) == (DiskState.OFFERED, None)
    assert (disk.filesystem, disk.size_bytes) == ("ext4", 64 * 2**20)

    place = disks.mount(disk)
    (line,) = [each for each in real_udisks.mountinfo().splitlines() if f" {place} " in each]
    assert {"nosuid", "nodev", "noexec"} <= set(line.split()[5].split(","))
    mounted = _appeared(disks, "LUNDI", eventually)
    assert mounted.mount_points == (str(place),)
    assert disks.mount(mounted) == place
    with (real_udisks.root / str(place).lstrip("/") / "open").open("w"):
        with pytest.raises(DiskError) as busy:
            disks.release(mounted)
        assert busy.value.fault is Fault.BUSY
    disks.release(mounted)
    assert str(place) not in real_udisks.mountinfo()

    real_udisks.pull_out(device)
    eventually(lambda: _found(disks, "LUNDI") is None)
    other = real_udisks.image("1M")  # takes the loop that was free
    real_udisks.plug_in(other)
    real_udisks.plug_in(image)
    again = _appeared(disks, "LUNDI", eventually)
    assert again.id == disk.id


def test_what_is_on_a_disk_decides_what_can_be_done_with_it(
    disks: UDisks, real_udisks: "RealUDisks", eventually: Eventually
) -> None:
    fat = real_udisks.image()
    _make("vfat", fat, "-n", "FAT")
    real_udisks.plug_in(fat)
    stick = _appeared(disks, "FAT", eventually)
    assert judged(stick)[0] is DiskState.OFFERED
    locked = real_udisks.image()
    with locked.open("r+b") as file:
        file.write(_LUKS)
    ids = {each.id for each in disks.disks()}
    real_udisks.plug_in(locked)
    eventually(lambda: any(each.is_encrypted for each in disks.disks()))
    (luks,) = [each for each in disks.disks() if each.id not in ids]
    assert judged(luks)[0] is DiskState.LOCKED
    assert can_be_formatted(luks)
    switch = real_udisks.image()
    _make("ext4", switch, "-q", "-L", "VERROU")
    real_udisks.plug_in(switch, "--read-only")
    assert judged(_appeared(disks, "VERROU", eventually))[0] is DiskState.READ_ONLY


def test_a_blank_disk_is_formatted_and_then_fits(
    disks: UDisks, real_udisks: "RealUDisks", eventually: Eventually
) -> None:
    real_udisks.plug_in(real_udisks.image("65M"))
    size_bytes = 65 * 2**20

    def found() -> Disk | None:
        return next((each for each in disks.disks() if each.size_bytes == size_bytes), None)

    eventually(lambda: found() is not None)
    blank = found()
    assert blank is not None
    assert blank.id.startswith("blank:")
    assert judged(blank)[0] is DiskState.BLANK
    disks.format(blank, "Disque du mardi, le second")
    made = _appeared(disks, "Disque du mardi,", eventually)
    assert made.filesystem == "ext4"
    assert judged(made)[0] is DiskState.OFFERED
    assert not can_be_formatted(made)
    with pytest.raises(DiskError, match="no longer there"):
        disks.format(blank, "x")  # what it was is gone


def test_the_system_disk_is_never_among_them(
    real_udisks: "RealUDisks", tmp_path: Path, eventually: Eventually
) -> None:
    image = real_udisks.image()
    _make("ext4", image, "-q", "-L", "SYSTEME")
    device = real_udisks.plug_in(image)
    numbers = Path(f"/sys/block/{Path(device).name}/dev").read_text().strip()
    with closing(UDisks(tmp_path, bus_address=real_udisks.bus_address)) as anything:
        _appeared(anything, "SYSTEME", eventually)
    holding = UDisks(
        tmp_path, bus_address=real_udisks.bus_address, system=lambda _: frozenset({numbers})
    )
    with closing(holding) as careful:
        assert _found(careful, "SYSTEME") is None


def test_a_usb_stick_is_switched_off_when_it_is_released(fake_udisks: "FakeUDisks") -> None:
    with closing(UDisks(Path("/"), bus_address=fake_udisks.bus_address)) as disks:
        (stick,) = disks.disks()
        assert (stick.id, stick.name) == ("4A1B-22C3", "SanDisk Ultra, 64.0 GB")
        disks.mount(stick)
        (mounted,) = disks.disks()
        disks.release(mounted)
        assert disks.disks() == []
    assert [member for _, member, _ in fake_udisks.calls] == ["Mount", "Unmount", "PowerOff"]
    options = fake_udisks.calls[0][2][0]
    assert options["options"].value == "nosuid,nodev,noexec"
    assert all(body[0]["auth.no_user_interaction"].value for _, _, body in fake_udisks.calls)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("org.freedesktop.UDisks2.Error.NotAuthorized", Fault.REFUSED),
        ("org.freedesktop.UDisks2.Error.DeviceBusy", Fault.BUSY),
        ("org.freedesktop.UDisks2.Error.Failed", Fault.OTHER),
    ],
)
def test_what_the_service_refuses_is_said_in_both_languages(
    fake_udisks: "FakeUDisks", name: str, fault: Fault
) -> None:
    fake_udisks.errors["Mount"] = (name, "the stick caught fire")
    with closing(UDisks(Path("/"), bus_address=fake_udisks.bus_address)) as disks:
        (stick,) = disks.disks()
        with pytest.raises(DiskError) as refused:
            disks.mount(stick)
    assert refused.value.fault is fault
    assert refused.value.french != str(refused.value)


def test_without_a_bus_the_reason_is_told(tmp_path: Path) -> None:
    with closing(UDisks(tmp_path, bus_address=f"unix:path={tmp_path / 'none'}")) as disks:
        with pytest.raises(DiskError) as missing:
            disks.disks()
        assert missing.value.fault is Fault.NO_SERVICE
