# SPDX-License-Identifier: Apache-2.0
"""USB sticks as sold, FAT, that a running machine is given and loses again."""

import subprocess
from pathlib import Path

from tests.image.guest import Guest

_STICK_BYTES = 64 * 2**20


def make_stick(image: Path, *files: Path) -> Path:
    """A stick without partitions that holds these files in its top folder."""
    image.unlink(missing_ok=True)
    with image.open("wb") as opened:
        opened.truncate(_STICK_BYTES)
    subprocess.run(["mkfs.vfat", "-n", "STICK", image], check=True, stdout=subprocess.DEVNULL)
    if files:
        subprocess.run(["mcopy", "-i", image, *files, "::"], check=True)
    return image


def read_stick(image: Path, into: Path) -> Path:
    """A folder with what lies in the stick's top folder."""
    into.mkdir()
    subprocess.run(["mcopy", "-s", "-i", image, "::", into], check=True)
    return into


def plug_in(guest: Guest, image: Path) -> None:
    """Plug it into the running machine, which may write to it."""
    name = image.stem
    file = {"driver": "file", "filename": str(image)}
    guest.tell("blockdev-add", **{"driver": "raw", "node-name": name, "file": file})
    guest.tell(
        "device_add", driver="usb-storage", bus="usb.0", drive=name, id=f"usb-{name}",
        removable=True,
    )  # fmt: skip


def pull_out(guest: Guest, image: Path) -> None:
    """Pull it out."""
    guest.tell("device_del", id=f"usb-{image.stem}")
