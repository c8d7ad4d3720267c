# SPDX-License-Identifier: Apache-2.0
"""``atre-stick-write.service``: puts a unit's report onto the stick that ordered it.

The only part of the box that writes to a stick, and only to one with a provision file. It removes
what was laid out whatever comes of it: systemd starts it again as long as something lies there.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from atre.stick.names import OUTGOING, PROVISION, TAKEN, may_go_out
from atre.stick.plain_file import read_plain

_TIMEOUT_S = 30
_WAITS_S = (0, 2, 4)
_SYS = Path("/sys/class/block")
# What sticks are sold with; no other file system of a stranger's is written to.
_FILE_SYSTEMS = "vfat,exfat"


@click.command()
@click.option("--from", "folder", type=click.Path(path_type=Path, file_okay=False), required=True)
def main(folder: Path) -> None:
    """Write what lies in the folder to each stick that has a provision file."""
    files = collect(folder)
    took = [device for device in usb_file_systems(_SYS) if files and _write(device, files, folder)]
    if took:
        (folder / TAKEN).touch()
    sys.stderr.write(f"{', '.join(sorted(files)) or 'nothing'}: {', '.join(took) or 'no stick'}\n")


def collect(folder: Path) -> dict[str, bytes]:
    """The files that are to go out, by their names on the stick; they are taken away."""
    found = {}
    for path in sorted(folder.glob(f"*{OUTGOING}")):
        name = path.name.removesuffix(OUTGOING)
        if may_go_out(name) and (data := read_plain(path)) is not None:
            found[name] = data
        path.unlink()
    return found


def put(stick: Path, files: dict[str, bytes]) -> bool:
    """Write the files to a stick that has a provision file; whether it has. Raises OSError."""
    if read_plain(stick / PROVISION) is None:
        return False
    for name, data in files.items():
        if read_plain(stick / name) == data:
            continue
        made = stick / f".{name}"
        made.unlink(missing_ok=True)
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        made.replace(stick / name)
    return True


def usb_file_systems(sys_dir: Path) -> list[str]:
    """The partitions of USB disks, or the disk where it has none, by the kernel's names."""
    names = [
        path.name
        for path in sorted(sys_dir.glob("sd*"))
        if any(re.fullmatch(r"usb\d+", part) for part in path.resolve().parts)
    ]
    return [
        name
        for name in names
        if (sys_dir / name / "partition").exists()
        or not any(other != name and other.startswith(name) for other in names)
    ]


def _write(device: str, files: dict[str, bytes], folder: Path) -> bool:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        options = "rw,nosuid,nodev,noexec"
        mount = ["/usr/bin/mount", "-t", _FILE_SYSTEMS, "-o", options, f"/dev/{device}", place]
        if not _is_mounted(mount):
            return False
        took = False
        try:
            with contextlib.suppress(OSError):
                took = put(Path(place), files)
        finally:
            subprocess.run(["/usr/bin/umount", place], check=True, timeout=_TIMEOUT_S)
        return took


def _is_mounted(mount: list[str]) -> bool:
    """A stick that was just plugged in may still be mounted by who looks what is on it."""
    for wait_s in _WAITS_S:
        time.sleep(wait_s)
        if subprocess.run(mount, check=False, timeout=_TIMEOUT_S).returncode == 0:
            return True
    return False


if __name__ == "__main__":
    main()
