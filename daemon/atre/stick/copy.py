# SPDX-License-Identifier: Apache-2.0
"""``atre-stick@.service``: copies what a stick brings. The only part of the box that mounts."""

import contextlib
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from atre.stick.names import COPIED, MAX_FILE_BYTES, is_asked

_MAX_ENTRIES = 2000  # of the stick's top folder; more is not looked at
_MAX_FILES = 8
_TIMEOUT_S = 15


@click.command()
@click.option("--device", type=click.Path(path_type=Path), required=True)
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), required=True)
def main(device: Path, into: Path) -> None:
    """Mount a stick for reading in this process's own namespace, and copy what it asks."""
    with tempfile.TemporaryDirectory(dir=into) as place:
        options = "ro,nosuid,nodev,noexec"
        subprocess.run(
            ["/usr/bin/mount", "-o", options, device, place], check=True, timeout=_TIMEOUT_S
        )
        try:
            copied = copy_asked(Path(place), into)
        finally:
            subprocess.run(["/usr/bin/umount", place], check=True, timeout=_TIMEOUT_S)
    sys.stderr.write(f"{device}: {', '.join(copied) or 'nothing for the box'}\n")


def copy_asked(stick: Path, into: Path) -> list[str]:
    """Copy the plain files of the stick's top folder whose names ask for something."""
    with os.scandir(stick) as entries:
        names = [entry.name for _, entry in zip(range(_MAX_ENTRIES), entries, strict=False)]
    asked = sorted(name for name in names if is_asked(name))[:_MAX_FILES]
    return [name for name in asked if _copy(stick / name, into / f"{name}{COPIED}")]


def _copy(source: Path, copied: Path) -> bool:
    with contextlib.suppress(OSError):
        # Not through a link, and no pipe or device that a file system may hold.
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return False
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) <= MAX_FILE_BYTES:
            made = copied.with_name(f".{copied.name}")
            made.write_bytes(data)
            made.replace(copied)
            return True
    return False


if __name__ == "__main__":
    main()
