# SPDX-License-Identifier: Apache-2.0
"""``atre-stick@.service``: copies what a stick brings. The only part of the box that mounts."""

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from atre.stick.names import COPIED, is_asked
from atre.stick.plain_file import read_plain

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
    data = read_plain(source)
    if data is None:
        return False
    with contextlib.suppress(OSError):
        made = copied.with_name(f".{copied.name}")
        made.write_bytes(data)
        made.replace(copied)
        return True
    return False


if __name__ == "__main__":
    main()
