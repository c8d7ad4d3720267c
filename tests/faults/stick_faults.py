# SPDX-License-Identifier: Apache-2.0
"""What happens to the disk of the backups while one is written, or between two."""

import os
import random
import shutil
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace
from tests.faults.fault import Fault
from tests.faults.hold import create, go_on, hold, refused
from tests.faults.job import Job
from tests.faults.world import POLICY, World

from atre.backup.repository import location_of
from atre.errors import BackupProblem
from atre.ipc.backup_messages import VerifyBackup
from atre.ipc.backup_replies import BackupPolicy, Stage

_SLOW = replace(POLICY, upload_kib_s=400)  # so that the fault comes in the middle
_FAST = replace(POLICY, upload_kib_s=8000)
_LONGER_BYTES = 48 * 2**20  # of several packs: restic takes the room of each one beforehand
_LETTER_BYTES = 3 * 2**20
_SLOW_DISK_BYTES_S = 100_000
_ROOM_FOR_NAMES = 2 * 2**20
_BLOCK_BYTES = 4096


def _pulled(world: World) -> str:
    job = _begin_writing(world, _SLOW)
    world.stick.stop()
    said = refused(job.finish(), BackupProblem.TARGET_AWAY)
    world.stick.take_away()
    refused(world.start(create(world)).finish(), BackupProblem.EMPTY)
    hold(not any(world.stick.path.iterdir()), "a backup went to the box's own disk")
    world.stick.plug_in()
    go_on(world)
    return f"“{said}” Nothing is written in its empty place; plugged in again, it goes on."


def _read_only(world: World) -> str:
    job = _begin_writing(world, _SLOW)
    world.stick.fail()
    said = refused(job.finish(), BackupProblem.TARGET_AWAY)
    world.stick.take_away()
    world.stick.plug_in(is_damaged=True)
    go_on(world)
    return f"“{said}” Mended, the same disk goes on."


def _full_before(world: World) -> str:
    before = world.snapshots()
    filler = _fill(world.stick.path, leave_bytes=2**20)
    _write_letter(world)
    files = _files(world)
    said = refused(world.start(create(world)).finish(), BackupProblem.FULL)
    hold(_files(world) == files, "a refused backup left something behind")
    hold(world.snapshots() == before, "the list of backups changed")
    filler.unlink()
    go_on(world)
    return f"Refused before a byte is written: “{said}”"


def _full_meanwhile(world: World) -> str:
    job = _begin_writing(world, _FAST, _LONGER_BYTES)
    filler = _fill(world.stick.path, leave_bytes=0)
    said = refused(job.finish(), BackupProblem.FULL)
    world.prove()  # with the disk still full
    filler.unlink()
    go_on(world)
    return f"“{said}” With room again it goes on."


def _slow(world: World) -> str:
    is_throttled = world.stick.slow_down(_SLOW_DISK_BYTES_S)
    policy = POLICY if is_throttled else replace(POLICY, upload_kib_s=_SLOW_DISK_BYTES_S // 1024)
    try:
        job = _begin_writing(world, policy)
        hold(job.moves(), "a slow backup does not say how far it is")
        world.version  # noqa: B018 -- the box's data can be read meanwhile
        job.cancel()
        hold(not job.has_ended_well, "a cancelled backup says that it is done")
    finally:
        world.stick.slow_down(0)
    go_on(world)
    means = "the kernel's throttle of that device" if is_throttled else "restic's own limit"
    return f"100 kB/s by {means}: it tells how far it is, and ends when it is cancelled."


def _rotten(world: World) -> str:
    _write_letter(world)
    packs = _packs(world)
    world.back_up()
    newest = max(world.snapshots().items(), key=lambda each: each[1])[0]
    (pack, *_) = sorted(_packs(world) - packs, key=lambda path: -path.stat().st_size)
    _flip(pack, random.Random(1))
    verify = VerifyBackup(target=world.target.id, is_whole=True)
    said = refused(world.start(verify).finish(), BackupProblem.DAMAGED)
    hold(newest[:8] in said, "it does not say which backup is damaged")
    del world.confirmed[newest]
    world.prove()
    return f"“{said}” The {len(world.confirmed)} other backups come back whole."


def _begin_writing(world: World, policy: BackupPolicy, size_bytes: int = _LETTER_BYTES) -> Job:
    """A backup of a letter that takes a while, some of it written."""
    _write_letter(world, size_bytes)
    packs = _packs(world)
    job = world.start(create(world), policy)
    hold(job.reaches(Stage.STORING), f"it did not begin: {job.refusal}")
    while job.lasts(0.05) and _packs(world) == packs and not _half_written(world):
        pass
    return job


def _write_letter(world: World, size_bytes: int = _LETTER_BYTES) -> None:
    world.change(random.Random(1))
    letter = world.data_dir / "documents" / "long-letter"
    letter.write_bytes(os.urandom(size_bytes))


def _fill(folder: Path, *, leave_bytes: int) -> Path:
    filler = folder / "films"
    with filler.open("wb", buffering=0) as file:
        with suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - _ROOM_FOR_NAMES)
        file.seek(0, os.SEEK_END)
        with suppress(OSError):  # until it is full
            while file.write(bytes(_BLOCK_BYTES)):
                pass
        file.truncate(file.tell() - leave_bytes)
    return filler


def _repository(world: World) -> Path:
    return Path(location_of(world.target, world.unit))


def _files(world: World) -> set[Path]:
    return {path for path in _repository(world).rglob("*") if path.is_file()}


def _packs(world: World) -> set[Path]:
    return {path for path in _files(world) if "data" in path.parts and "-tmp-" not in path.name}


def _half_written(world: World) -> bool:
    return any("-tmp-" in path.name for path in _files(world))


def _flip(pack: Path, chance: random.Random) -> None:
    pack.chmod(0o600)
    with pack.open("r+b") as file:
        file.seek(chance.randrange(pack.stat().st_size // 2))
        file.write(bytes(byte ^ 0xFF for byte in os.urandom(8)))


STICK_FAULTS = (
    Fault(
        "Disk pulled while a backup is written",
        "ext4 shut down under it",
        _pulled,
        is_in_suite=True,
    ),
    Fault("Disk turned read-only while a backup is written", "an ext4 error", _read_only),
    Fault("Disk full before a backup", "filled with films", _full_before, is_in_suite=True),
    Fault("Disk filled while a backup is written", "filled with films", _full_meanwhile),
    Fault("Slow disk, and a cancel", "100 kB/s", _slow),
    Fault(
        "Rotten bytes in a pack", "8 bytes of the newest pack changed", _rotten, is_in_suite=True
    ),
)
