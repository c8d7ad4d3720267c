# SPDX-License-Identifier: Apache-2.0
"""``atre-seal.service``: clears what the system around the box kept of the bench, as root.

Below ``/var`` every plain file goes but those of the box, which cleared its own, and the layer of
``/etc``: logs, leases, caches, seeds. The next start brings back what packages expect there. The
folders stay, for programs that still run. The order is removed last, so that a sealing that lost
power goes on; the machine is then switched off by systemd (``SuccessAction=``).
"""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from atre.provision import bench
from atre.provision.bench import Phase
from atre.stick.names import SWEEP

_KEPT = ("lib/atre", "lib/atre-etc")


@click.command()
@click.option("--var", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--asked-in", type=click.Path(path_type=Path, file_okay=False), required=True)
def main(var: Path, asked_in: Path) -> None:
    """Clear the traces of a unit that is being sealed; of any other nothing."""
    # Whatever comes of it: systemd starts this again as long as it lies there.
    (asked_in / SWEEP).unlink(missing_ok=True)
    data_dir = var / "lib" / "atre"
    order = bench.read(data_dir)
    if order is None or order.phase is not Phase.SEALING or (data_dir / "atre.db").exists():
        sys.exit("This unit is not being sealed.")
    for path in files(var):
        path.unlink(missing_ok=True)
    os.sync()
    bench.forget(data_dir)
    os.sync()


def files(var: Path) -> Iterator[Path]:
    """The plain files that go. Nothing of another file system, and nothing through a link."""
    kept = {var / name for name in _KEPT}
    device = var.stat().st_dev
    for folder, folders, names in os.walk(var):
        place = Path(folder)
        folders[:] = [
            name
            for name in folders
            if place / name not in kept and (place / name).lstat().st_dev == device
        ]
        yield from (path for name in names if stat.S_ISREG((path := place / name).lstat().st_mode))


if __name__ == "__main__":
    main()
