# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import NoReturn

from atre.media.disk import Disk
from atre.media.failure import DiskError, Fault


class NoDisks:
    """Disks on a system without UDisks2, such as macOS: there are none, and the reason is told."""

    def disks(self) -> list[Disk]:
        _refuse()

    def mount(self, disk: Disk) -> Path:  # noqa: ARG002 -- there is no disk to be given
        _refuse()

    def unmount(self, disk: Disk) -> None:  # noqa: ARG002
        _refuse()

    def release(self, disk: Disk) -> None:  # noqa: ARG002
        _refuse()

    def format(self, disk: Disk, label: str) -> None:  # noqa: ARG002
        _refuse()

    def close(self) -> None:
        """Nothing was opened."""


def _refuse() -> NoReturn:
    raise DiskError(
        "Disks that are plugged in are only noticed on Linux. Choose a folder, which may be on "
        "such a disk.",
        "Les disques que l’on branche ne sont vus que sous Linux. Choisissez un dossier, qui "
        "peut se trouver sur un tel disque.",
        Fault.NO_SERVICE,
    )
