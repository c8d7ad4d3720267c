# SPDX-License-Identifier: Apache-2.0
"""A disk of a few megabytes with the image's partitions, and two versions to lie in its slots."""

import hashlib
import os
import random
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.image.partition_table import Table, read_table
from tests.image.programs import PACKAGES, call, must

from atre.updates.boot_rule import Choice, write_choice, write_try

MIB = 2**20
TRIAL = "0badcafe"
CANARY, DATABASE = "/lib/atre/canary", "/lib/atre/office.sqlite"
PROGRAMS = {**PACKAGES, "mkfs.vfat": "dosfstools", "mke2fs": "e2fsprogs", "sfdisk": "fdisk"}
# Megabytes of each partition: GRUB and mkfs.vfat take a FAT of one.
_SIZES = {
    "esp": 2, "boot-a": 1, "root-a": 1, "verity-a": 1, "boot-b": 1, "root-b": 1, "verity-b": 1,
    "data": 8,
}  # fmt: skip

SETTLED = write_choice(Choice(generation=7, good="a"))
ON_TRIAL = write_choice(Choice(generation=8, good="a", trial="b", trial_id=TRIAL))
CONFIRMED = write_choice(Choice(generation=9, good="b", kept="a"))
FRESH_TRY = write_try(TRIAL)


@dataclass(frozen=True)
class MadeDisk:
    """``base`` has version "old" in slot a, good, and nothing in slot b."""

    base: Path
    versions: Mapping[str, Path]
    canaries: Mapping[str, str]

    @property
    def table(self) -> Table:
        with self.base.open("rb") as file:
            found = read_table(
                lambda start, length: os.pread(file.fileno(), length, start),
                self.base.stat().st_size,
            )
        assert found
        return found

    def start(self, name: str) -> int:
        found = self.table.named(name)
        assert found
        return found.start

    def esp_with(self, **files: bytes) -> bytes:
        """The ESP with these files of /atre replaced; two underscores stand for a dash."""
        esp = self._part("esp")
        for name, content in files.items():
            source = esp.with_name(name.replace("__", "-") + ".env")
            source.write_bytes(content)
            must(["mcopy", "-o", "-i", esp, source, "::/atre/"])
        return esp.read_bytes()

    def esp_without(self, name: str) -> bytes:
        """The ESP with one file emptied."""
        esp, empty = self._part("esp"), self.base.with_name("empty")
        empty.touch()
        must(["mcopy", "-o", "-i", esp, empty, f"::/{name}"])
        return esp.read_bytes()

    def data_after(self, *commands: str) -> bytes:
        """The data's file system after commands of debugfs; ``{garbage}`` names a file."""
        image, garbage = self._part("data"), self.base.with_name("garbage")
        garbage.write_bytes(b"SQLite format 3\0" + b"\1" * 9000)
        script = self.base.with_name("script")
        script.write_text("\n".join(commands).format(garbage=garbage) + "\n")
        must(["debugfs", "-w", "-f", script, image])
        return image.read_bytes()

    def _part(self, name: str) -> Path:
        found, image = self.table.named(name), self.base.with_name(f"{name}.part")
        assert found
        with self.base.open("rb") as disk:
            image.write_bytes(os.pread(disk.fileno(), found.length, found.start))
        return image


def make(folder: Path) -> MadeDisk:
    """The disk, in ``folder``; what of it is random is the same each time."""
    choose = random.Random(7)
    versions = {name: _version(folder / name, choose) for name in ("old", "new")}
    base = folder / "base.raw"
    base.touch()
    os.truncate(base, (sum(_SIZES.values()) + 2) * MIB)
    rows = "".join(f"size={size}MiB,name={name}\n" for name, size in _SIZES.items())
    subprocess.run(
        ["sfdisk", "-q", base],
        input=f"label: gpt\n{rows}".encode(),
        check=True,
        capture_output=True,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )
    canary = choose.randbytes(30_000)
    parts = {
        "esp": _esp(folder),
        "boot-a": versions["old"] / "boot.vfat",
        "root-a": versions["old"] / "root.img",
        "verity-a": versions["old"] / "verity.img",
        "data": _data(folder, canary),
    }
    disk = MadeDisk(base, versions, {CANARY: hashlib.sha256(canary).hexdigest()})
    with base.open("r+b") as file:
        for name, image in parts.items():
            os.pwrite(file.fileno(), image.read_bytes(), disk.start(name))
    return disk


def _version(folder: Path, choose: random.Random) -> Path:
    folder.mkdir()
    (folder / "root.img").write_bytes(choose.randbytes(200 * 1024))
    (folder / "verity.img").write_bytes(choose.randbytes(8 * 1024))
    slot_cfg = folder / "slot.cfg"
    slot_cfg.write_text(f'set atre_cmdline="roothash={folder.name}"\n')
    must(["mkfs.vfat", "-C", "--invariant", folder / "boot.vfat", "512"])
    must(["mcopy", "-i", folder / "boot.vfat", slot_cfg, "::/"])
    return folder


def _esp(folder: Path) -> Path:
    image, tree = folder / "esp-first.img", folder / "esp"
    (tree / "EFI" / "BOOT").mkdir(parents=True)
    (tree / "atre").mkdir()
    (tree / "EFI" / "BOOT" / "BOOTX64.EFI").write_bytes(b"MZ loader" * 2000)
    (tree / "atre" / "grub.cfg").write_text("# the rule\n")
    (tree / "atre" / "choice-0.env").write_bytes(SETTLED)
    must(["mkfs.vfat", "-C", "--invariant", image, str(_SIZES["esp"] * 1024)])
    must(["mcopy", "-s", "-i", image, tree / "EFI", tree / "atre", "::/"])
    return image


def _data(folder: Path, canary: bytes) -> Path:
    image, tree = folder / "data.img", folder / "var"
    (tree / "lib" / "atre").mkdir(parents=True)
    (tree / CANARY[1:]).write_bytes(canary)
    with closing(sqlite3.connect(tree / DATABASE[1:])) as connection:
        connection.execute("CREATE TABLE people (name TEXT)")
        connection.executemany("INSERT INTO people VALUES (?)", [(f"n{n}",) for n in range(2000)])
        connection.commit()
    done = call("mke2fs", "-q", "-t", "ext4", "-d", tree, image, f"{_SIZES['data']}M")
    assert done.returncode == 0, done.stderr
    return image
