# SPDX-License-Identifier: Apache-2.0
"""``atre-disks.service``: asks every disk once, and leaves smartctl's own words in a folder."""

import json
import subprocess
import sys
from pathlib import Path

import click

_SMARTCTL = "/usr/sbin/smartctl"
_TIMEOUT_S = 60  # a disk that sleeps is not woken, one that fails answers slowly
_MAX_DISKS = 32


@click.command()
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), required=True)
def main(into: Path) -> None:
    """Write one file for each disk, in place of those before."""
    found = {name: said for name in _disks() if (said := _ask("-x", f"/dev/{name}"))}
    for old in into.glob("*.json"):
        if old.stem not in found:
            old.unlink()
    for name, said in found.items():
        made = into / f".{name}.json"
        made.write_bytes(said)
        made.replace(into / f"{name}.json")
    sys.stderr.write(f"{len(found)} disks told of themselves\n")


def _disks() -> list[str]:
    try:
        scanned = json.loads(_ask("--scan") or "{}")
        names = [str(each["name"]) for each in scanned["devices"]]
    except (ValueError, KeyError, TypeError):
        return []
    plain = [name.removeprefix("/dev/") for name in names]
    return [name for name in plain if name.isalnum()][:_MAX_DISKS]


def _ask(*arguments: str) -> bytes:
    """What smartctl says; its exit status tells of the disk's state, not only of failures."""
    try:
        return subprocess.run(
            [_SMARTCTL, "--json", "--nocheck=standby", *arguments],
            check=False, capture_output=True, timeout=_TIMEOUT_S,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return b""


if __name__ == "__main__":
    main()
