# SPDX-License-Identifier: Apache-2.0
"""``image-build/boot/grub.cfg`` run by GRUB itself, on a disk with a FAT file system: grub-emu."""

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from atre.system.slot import Slot

GRUB_CFG = Path(__file__).parents[1] / "image-build" / "boot" / "grub.cfg"
_START = "# Here the start itself begins.\n"
_MIB = 2**20
PROGRAMS = ("grub-emu", "sfdisk", "mkfs.vfat", "mcopy")

# What grub-emu has no use for tells instead what it was asked for; a boot that comes back would let
# the rule go on, so the first line of a case is what started.
_LOADERS = """
function linux {
    if [ -f "$1" ]; then
        echo "ATRE $atre_case $4 $5"
        for atre_word in "$@"; do
            echo "WORD $atre_word"
        done
        true
    else
        false
    fi
}
function initrd {
    true
}
"""


@dataclass(frozen=True)
class Files:
    """One state of the ESP: the bytes of each file, None if absent, and what slots can be read."""

    choices: tuple[bytes | None, bytes | None]
    try_block: bytes | None
    readable: frozenset[Slot]


@dataclass(frozen=True)
class Ran:
    """What GRUB started, and what try.env held afterwards."""

    slot: str | None
    trial_id: str
    try_block: bytes | None


def missing() -> str:
    """The programs that are not here, "" if all are."""
    found = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return " ".join(name for name in PROGRAMS if not shutil.which(name, path=found))


def rehearse(work: Path, cases: Sequence[Files]) -> list[Ran]:
    """Run the rule once for each case, all on one disk."""
    disk = _disk(work)
    tree = work / "tree"
    for number, case in enumerate(cases):
        _lay_out(tree / f"c{number}", case)
    _run("mcopy", "-s", "-i", f"{disk}@@{_MIB}", tree, "::/")
    rule = GRUB_CFG.read_text().split(_START)[0]
    calls = "".join(
        f"set atre_case={number}\nset atre_dir={folder}/atre\n"
        f"set atre_a={folder}/a\nset atre_b={folder}/b\natre_choose\n"
        for number, folder in enumerate(f"(hd0,gpt1)/tree/c{n}" for n in range(len(cases)))
    )
    said = _emulate(work, disk, f"{_LOADERS}{rule}\n{calls}\nexit\n")
    back = work / "back"
    _run("mcopy", "-s", "-n", "-i", f"{disk}@@{_MIB}", "::/tree", back)
    return [_result(said, number, back / f"c{number}") for number in range(len(cases))]


def start_disk(work: Path, case: Files) -> str:
    """Run the whole file as on the box, partitions and all; what GRUB printed."""
    disk = _disk(work)
    _lay_out(work / "tree", case)
    for partition, name in enumerate(("atre", "a", "b")):
        found = sorted((work / "tree" / name).glob("*"))
        folder = "::/atre" if name == "atre" else "::/"
        where = f"{disk}@@{(1 + partition * 40) * _MIB}"
        if name == "atre":
            _run("mmd", "-i", where, folder)
        if found:
            _run("mcopy", "-i", where, *found, folder)
    text = GRUB_CFG.read_text().replace("sleep 60\nreboot", "exit")
    return _emulate(work, disk, f"set root=hd0,gpt1\nset atre_case=x\n{_LOADERS}{text}")


def _disk(work: Path) -> Path:
    disk = work / "disk.img"
    with disk.open("wb") as file:
        file.truncate(128 * _MIB)
    sectors = "\n".join(
        f"{number}: start={(1 + place * 40) * 2048}, size={size}"
        for number, place, size in ((1, 0, 79872), (2, 1, 79872), (5, 2, 79872))
    )
    _run("sfdisk", "-q", disk, text=f"label: gpt\n{sectors}\n")
    for place in range(3):
        _run("mkfs.vfat", "-F", "16", "--offset", str((1 + place * 40) * 2048), disk, "39936")
    return disk


def _lay_out(folder: Path, case: Files) -> None:
    found = {
        "choice-0.env": case.choices[0],
        "choice-1.env": case.choices[1],
        "try.env": case.try_block,
    }
    for slot in ("atre", "a", "b"):
        (folder / slot).mkdir(parents=True)
    for name, content in found.items():
        if content is not None:
            (folder / "atre" / name).write_bytes(content)
    for slot in case.readable:
        (folder / slot / "slot.cfg").write_text(f'set atre_cmdline="root=of-{slot}"\n')
        (folder / slot / "vmlinuz").write_text("kernel")


def _emulate(work: Path, disk: Path, script: str) -> str:
    (work / "grub.cfg").write_text(script)
    (work / "device.map").write_text(f"(hd0) {disk}\n")
    done = subprocess.run(
        ["grub-emu", "-d", work, "-r", "host", "-m", work / "device.map"],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
        env={**os.environ, "TERM": "dumb"},
    )
    return done.stdout.decode("latin-1")


def _result(said: str, number: int, folder: Path) -> Ran:
    line = re.search(rf"ATRE {number} atre\.slot=([ab]) atre\.trial=(\w*)", said)
    block = folder / "atre" / "try.env"
    return Ran(
        slot=line[1] if line else None,
        trial_id=line[2] if line else "",
        try_block=block.read_bytes() if block.exists() else None,
    )


def _run(program: str, *words: str | Path, text: str | None = None) -> None:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    subprocess.run(
        [program, *words],
        check=True,
        capture_output=True,
        text=True,
        input=text,
        env={**os.environ, "PATH": path, "MTOOLS_SKIP_CHECK": "1"},
    )


def flips(block: bytes, places: Collection[int]) -> list[bytes]:
    """The block with each bit at those places flipped."""
    return [
        block[:place] + bytes([block[place] ^ (1 << bit)]) + block[place + 1 :]
        for place in places
        for bit in range(8)
    ]
