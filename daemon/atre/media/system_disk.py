# SPDX-License-Identifier: Apache-2.0
"""Which block devices hold the system or the box's own data, and are never a backup's."""

import os
from collections.abc import Sequence
from pathlib import Path

from atre.media.mounts import Mount, mount_of, mounts_now

_PLACES = ("/", "/boot", "/boot/efi", "/efi", "/home", "/opt", "/srv", "/usr", "/var")
_SYS = Path("/sys/dev/block")


def system_devices(
    data_dir: Path, mounts: Sequence[Mount] | None = None, sys: Path = _SYS
) -> frozenset[str]:
    """MAJOR:MINOR of what is mounted there, of what lies below it and of the whole disks."""
    mounts = mounts_now() if mounts is None else mounts
    holding = [mount for mount in mounts if mount.place in _PLACES]
    own = mount_of(data_dir.resolve(), mounts)
    found: set[str] = set()
    for mount in [*holding, *([own] if own else [])]:
        for number in (mount.device, _number_of(mount.source)):
            _add(number, sys, found)
    _add_swaps(sys, found)
    return frozenset(found)


def _add(number: str | None, sys: Path, found: set[str]) -> None:
    """Add a device, what it is made of (LVM, LUKS, RAID), and the disk of a partition."""
    if number is None or number in found or not (sys / number).exists():
        return
    found.add(number)
    device = (sys / number).resolve()
    below = [*(device / "slaves").glob("*/dev")]
    if (device / "partition").exists():
        below.append(device.parent / "dev")
    for file in below:
        try:
            _add(file.read_text("ascii").strip(), sys, found)
        except (OSError, UnicodeDecodeError):
            continue


def _number_of(source: str) -> str | None:
    """Of what btrfs and overlays say they are mounted from, their own numbers being nobody's."""
    if not source.startswith("/dev/"):
        return None
    try:
        number = os.stat(source).st_rdev  # noqa: PTH116 -- a device file, not a document
    except OSError:
        return None
    return f"{os.major(number)}:{os.minor(number)}"


def _add_swaps(sys: Path, found: set[str]) -> None:
    try:
        lines = Path("/proc/swaps").read_text("utf-8", "replace").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        _add(_number_of(line.split()[0]), sys, found)
