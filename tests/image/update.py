# SPDX-License-Identifier: Apache-2.0
"""An update as an office does it: a stick in the box, the order, the restart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.image.box import atre, update_status
from tests.image.first_start import wait_until_ready
from tests.image.guest import Guest, powered_on
from tests.image.machine import Machine
from tests.image.shell import CREDENTIALS, Ran, Shell

REFUSED = ("stranger", "compatible", "older", "truncated", "flipped")
_REFUSED_AT = "/run/refused"
_MOUNT = f"mkdir {_REFUSED_AT} && mount -o ro,umask=022 /dev/disk/by-label/REFUSED {_REFUSED_AT}"


@dataclass(frozen=True, kw_only=True)
class Written:
    """``disk`` holds the next version, not started yet; ``refused`` is how other bundles fared.

    ``before`` and ``after`` are what the box said of itself around those.
    """

    disk: Path
    refused: dict[str, Ran]
    before: dict[str, Any]
    after: dict[str, Any]
    files_before: str
    files_after: str
    told: Ran


def install_update(guest: Guest, shell: Shell, *, limit_s: float) -> Ran:
    """Order the update that lies on a stick; the machine restarts by itself, maybe meanwhile."""
    try:
        told = atre(shell, "update install usb")
    except ConnectionError:
        told = Ran(0, "")
    if told.status == 0:
        guest.process.wait(limit_s)
    return told


def write_update(disk: Path, work: Path, trials: Path, *, limit_s: float) -> Written:
    """Offer the box what it must refuse, then have it install from the stick and restart."""
    box = Machine(
        disk=disk,
        work=work,
        credentials=CREDENTIALS,
        sticks=(trials / "update.stick", trials / "refused.stick"),
        ends_at_restart=True,
    )
    with powered_on(box) as guest:
        wait_until_ready(guest, limit_s=limit_s)
        with Shell(box.shell) as shell:
            shell.wait_until_up(limit_s)
            before, files_before = update_status(shell), _boot_files(shell)
            shell.must(_MOUNT)
            refused = {
                name: atre(shell, f"update install {_REFUSED_AT}/refused/{name}.raucb")
                for name in REFUSED
            }
            after, files_after = update_status(shell), _boot_files(shell)
            told = install_update(guest, shell, limit_s=limit_s)
    return Written(
        disk=disk,
        refused=refused,
        before=before,
        after=after,
        files_before=files_before,
        files_after=files_after,
        told=told,
    )


def _boot_files(shell: Shell) -> str:
    """What the loader goes by, as checksums."""
    return shell.must("cd /efi && find . -type f | sort | xargs sha256sum")
