# SPDX-License-Identifier: Apache-2.0
"""A disk, or a file that stands for one, that may be overwritten."""

import os
import stat
from collections.abc import Collection, Sequence
from pathlib import Path

from atre.errors import ConfigError
from atre.media.mounts import Mount, mounts_now
from atre.media.system_disk import system_devices

_SYS = Path("/sys/dev/block")
_NBSP = "\N{NO-BREAK SPACE}"


def check_target(
    target: Path,
    num_bytes: int | None,
    *,
    mounts: Sequence[Mount] | None = None,
    system: Collection[str] | None = None,
    sys: Path = _SYS,
) -> None:
    """Raises ConfigError for a disk of this system, one in use, too small, or nothing at all.

    ``num_bytes`` is what the image takes, None if nobody knows. ``system`` holds MAJOR:MINOR of
    disks that are never written.
    """
    try:
        found = target.stat()
    except OSError as error:
        raise _refused(target, f"{error.strerror}", f"{error.strerror}") from error
    if stat.S_ISBLK(found.st_mode):
        _check_device(target, found.st_rdev, mounts, system, sys)
    elif not stat.S_ISREG(found.st_mode):
        raise _refused(target, "it is neither a disk nor a file", "ni un disque, ni un fichier")
    size = size_bytes(target)
    if num_bytes is not None and size < num_bytes:
        raise _too_small(target, size, num_bytes)


def size_bytes(target: Path) -> int:
    """The size of a disk or a file. Raises ConfigError."""
    try:
        with target.open("rb") as opened:
            return opened.seek(0, os.SEEK_END)
    except OSError as error:
        raise _refused(target, f"{error.strerror}", f"{error.strerror}") from error


def _check_device(
    target: Path,
    number: int,
    mounts: Sequence[Mount] | None,
    system: Collection[str] | None,
    sys: Path,
) -> None:
    mounts = mounts_now() if mounts is None else mounts
    system = system_devices(Path("/"), mounts) if system is None else system
    name = f"{os.major(number)}:{os.minor(number)}"
    if (sys / name / "partition").exists():
        raise _refused(
            target,
            "it is a partition; name the whole disk",
            f"c’est une partition{_NBSP}; nommez le disque entier",
        )
    if name in system:
        raise _refused(
            target,
            "this computer runs from it, or swaps to it",
            "cet ordinateur fonctionne dessus",
        )
    numbers = {name, *_partitions(name, sys)}
    for mount in mounts:
        if mount.device in numbers or _is_source(mount.source, target):
            raise _refused(
                target,
                f"it is mounted at {mount.place}; unmount it first",
                f"il est monté sur {mount.place}{_NBSP}; démontez-le d’abord",
            )


def _partitions(name: str, sys: Path) -> list[str]:
    found = []
    for file in (sys / name).resolve().glob("*/dev"):
        try:
            found.append(file.read_text("ascii").strip())
        except (OSError, UnicodeDecodeError):
            continue
    return found


def _is_source(source: str, target: Path) -> bool:
    return source.startswith("/dev/") and Path(source).resolve() == target.resolve()


def _too_small(target: Path, size: int, num_bytes: int) -> ConfigError:
    return _refused(
        target,
        f"it holds {size} bytes, and the image takes {num_bytes}",
        f"il contient {size} octets, et l’image en prend {num_bytes}",
    )


def _refused(target: Path, why: str, why_fr: str) -> ConfigError:
    return ConfigError(
        f"{target} is not written: {why}.", f"{target} n’est pas écrit{_NBSP}: {why_fr}."
    )
