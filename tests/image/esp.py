# SPDX-License-Identifier: Apache-2.0
"""The EFI system partition as those who start from it see it.

The firmware reads the loader (mtools stands for its FAT driver), GRUB the rule and the boot state
(by grub-fstest, which is GRUB's own driver). Both only read, and neither looks at more than the
folders and chains on the way to a file.
"""

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.image.programs import call

_LOADER, _RULE = "EFI/BOOT/BOOTX64.EFI", "atre/grub.cfg"
_STATE = ("atre/choice-0.env", "atre/choice-1.env", "atre/try.env")

# What fsck.vfat may find, and no start minds:
_HARMLESS = tuple(
    re.compile(each)
    for each in (
        # ... the mark of a file system that was mounted, in the boot sector and not in its copy
        rb"^Dirty bit is set\.",
        rb"^ *Automatically removing dirty bit",
        rb"^There are differences between boot sector and its backup",
        rb"^This is mostly harmless",
        rb"^ *65:01/00",
        rb"^ *Not automatically fixing this",
        # ... the second copy of the table and the count of free clusters, which nobody reads
        rb"^FATs differ",
        rb"^ *Using first FAT",
        rb"^Free cluster summary",
        rb"^ *Auto-correcting",
        # ... clusters that belong to no file: room lost, until something mends it
        rb"^Reclaimed \d+ unused cluster",
        rb"^fsck\.fat \d",
        rb"^Leaving filesystem unchanged",
        rb"^\*\*\* Filesystem was changed|^Writing changes",
        rb"^.*: \d+ files, \d+/\d+ clusters",
        rb"^\s*$",
    )
)


@dataclass(frozen=True, slots=True)
class EspView:
    """SHA-256 of what starts the box, None if unreadable, and the files of the boot state."""

    loader: str | None
    rule: str | None
    choices: tuple[bytes | None, bytes | None]
    try_block: bytes | None


def read_esp(image: Path) -> EspView:
    """The view of the partition that ``image`` holds."""
    loader = call("mcopy", "-i", image, f"::/{_LOADER}", "-")
    choice_0, choice_1, try_block = (grub_reads(image, name) for name in _STATE)
    return EspView(
        loader=_digest(loader.stdout if loader.returncode == 0 else None),
        rule=_digest(grub_reads(image, _RULE)),
        choices=(choice_0, choice_1),
        try_block=try_block,
    )


def grub_reads(image: Path, name: str) -> bytes | None:
    """A file of a file system, as GRUB's command for it would read it."""
    done = call("grub-fstest", image, "cat", f"(loop0)/{name}")
    return done.stdout if done.returncode == 0 else None


def damage(image: Path) -> tuple[str, ...]:
    """What fsck.vfat finds beyond the harmless: the first words of each finding."""
    done = call("fsck.vfat", "-n", image)
    if done.returncode == 0:
        return ()
    lines = (done.stdout + done.stderr).splitlines()
    found = {
        re.sub(r"\d+", "N", line.decode("latin-1").strip().rstrip("."))
        for line in lines
        if not line.startswith(b"/") and not any(each.match(line) for each in _HARMLESS)
    }
    return tuple(sorted(found))


def mended(image: Path) -> Path:
    """A copy as ``fsck.vfat -a`` leaves it, which the next one replaces."""
    copy = image.with_suffix(".mended")
    shutil.copyfile(image, copy)
    call("fsck.vfat", "-a", copy)
    return copy


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
