# SPDX-License-Identifier: Apache-2.0
"""The office's partition, after a cut: mended as the initrd does it, then looked into.

``image-build/initrd/90atre/atre-data`` is the twin of ``_mend``.
"""

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.image.programs import call

_EXT4_MAGIC_AT, _EXT4_MAGIC = 1024 + 0x38, b"\x53\xef"
_LUKS_MAGIC = b"LUKS\xba\xbe"
_UNCORRECTED = 4  # e2fsck(8): from here on, errors were left


class Promise(StrEnum):
    """What the log's start promised of the data."""

    KEPT = "kept"  # it is there, with every canary
    MADE = "made"  # a first start makes it: either there is no partition, or a whole one
    RESET = "reset"  # a factory reset erases it: databases are whole, or gone


@dataclass(frozen=True, slots=True)
class Expected:
    """``canaries``: path below /var and SHA-256; ``databases``: paths below /var.

    An ``erasable`` canary may be gone, but is never damaged.
    """

    promise: Promise = Promise.KEPT
    canaries: Mapping[str, str] = field(default_factory=dict)
    erasable: Mapping[str, str] = field(default_factory=dict)
    databases: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class DataVerdict:
    """``state``: "intact", "absent" or "damaged"; problems are sentences."""

    state: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def absent(expected: Expected) -> DataVerdict:
    """There is no partition of that name: the next start makes one."""
    if expected.promise is Promise.MADE:
        return DataVerdict("absent")
    return DataVerdict("damaged", ("data: its partition is gone",))


def judge_data(image: Path, work: Path, expected: Expected) -> DataVerdict:
    """The file system that ``image`` holds; the file is changed by what mends it."""
    with image.open("rb") as file:
        head = file.read(4096)
    if head.startswith(_LUKS_MAGIC):
        return DataVerdict("damaged", ("data: encrypted; record on a machine without a TPM",))
    if head[_EXT4_MAGIC_AT : _EXT4_MAGIC_AT + 2] != _EXT4_MAGIC:
        # systemd-repart formats what it makes, and nothing else formats anything.
        return DataVerdict("damaged", ("data: a partition without a file system",))
    notes, why = _mend(image)
    if why:
        return DataVerdict("damaged", (why,))
    problems = _look_into(image, work, expected)
    return DataVerdict("damaged" if problems else "intact", tuple(problems), notes)


def _mend(image: Path) -> tuple[tuple[str, ...], str]:
    """What was unusual, and why it cannot be mounted, "" if it can."""
    notes: tuple[str, ...] = ()
    done = call("e2fsck", "-p", image)
    if done.returncode >= _UNCORRECTED:
        notes = ("e2fsck -p gave up, e2fsck -y mended",)
        done = call("e2fsck", "-y", image)
    if done.returncode >= _UNCORRECTED:
        return notes, "data: the file system cannot be repaired"
    # The journal is replayed by now: whatever is wrong still, no later start would mend.
    if call("e2fsck", "-f", "-n", image).returncode != 0:
        return notes, "data: mended, and e2fsck -f still finds errors"
    return notes, ""


def _look_into(image: Path, work: Path, expected: Expected) -> list[str]:
    digests = {**expected.canaries, **expected.erasable}
    wanted = [*digests]
    for path in expected.databases:
        wanted += [path, f"{path}-wal"]
    found = _dump(image, work, wanted)
    problems = list[str]()
    may_all_be_gone = expected.promise is Promise.MADE
    for path, digest in digests.items():
        if path not in found:
            is_lost = path in expected.canaries and not may_all_be_gone
            problems += [f"data: canary {path} is lost"] if is_lost else []
        elif hashlib.sha256(found[path].read_bytes()).hexdigest() != digest:
            problems.append(f"data: canary {path} is damaged")
    for path in expected.databases:
        if path not in found:
            is_lost = expected.promise is Promise.KEPT
            problems += [f"data: database {path} is lost"] if is_lost else []
        elif said := _integrity(found[path]):
            problems.append(f"data: database {path}: {said}")
    return problems


def _dump(image: Path, work: Path, paths: Sequence[str]) -> dict[str, Path]:
    """The files of the file system that are there, copied into ``work``."""
    if not paths:
        return {}
    for old in work.glob("dumped-*"):
        old.unlink()
    files = {path: work / _dumped_name(path, paths) for path in paths}
    script = work / "dump.debugfs"
    script.write_text("".join(f'dump "{path}" "{file}"\n' for path, file in files.items()))
    call("debugfs", "-f", script, image)
    return {path: file for path, file in files.items() if file.exists()}


def _dumped_name(path: str, paths: Sequence[str]) -> str:
    """A database and its write-ahead log keep belonging together."""
    name, is_wal = (path[: -len("-wal")], True) if path.endswith("-wal") else (path, False)
    return f"dumped-{paths.index(name)}.db" + ("-wal" if is_wal else "")


def _integrity(database: Path) -> str:
    """What SQLite finds wrong, "" if nothing."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            said = "; ".join(str(row[0]) for row in connection.execute("PRAGMA integrity_check"))
    except sqlite3.Error as error:
        return str(error)
    return "" if said == "ok" else said
