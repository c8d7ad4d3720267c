# SPDX-License-Identifier: Apache-2.0
"""What happens around a backup: another one at once, clocks, keys, and an office that goes on."""

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.faults.fault import Fault
from tests.faults.hold import create, go_on, hold, refused
from tests.faults.world import World

from atre.backup.database import copy_database
from atre.backup.program import find_program
from atre.backup.repository import Repository, location_of
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_messages import StageRestore

_DAY_S = 86400
_YEARS_S = 10 * 365 * _DAY_S
_WRITER = Path(__file__).with_name("writer.py")
_COPIES = 10


def _two_at_once(world: World) -> str:
    jobs = [world.start(create(world)) for _ in range(2)]
    for job in jobs:
        job.finish()
    done = [job for job in jobs if job.has_ended_well]
    hold(len(done) == 1, "not one of two backups at once was made")
    (other,) = (job for job in jobs if job not in done)
    said = refused(other, BackupProblem.BUSY)
    go_on(world)
    return f"One is made; the other: “{said}”"


def _lock_of_another_machine(world: World) -> str:
    place = location_of(world.target, world.unit)
    with world.holding_lock_elsewhere("other-machine"):
        said = refused(world.start(create(world)).finish(), BackupProblem.LOCKED)
    hold("other-machine" in said, "it does not say which machine")
    shutil.rmtree(Path(place) / "locks")
    (Path(place) / "locks").mkdir()
    go_on(world)
    return f"“{said}” Nothing is taken away."


def _clock_of_1970(world: World) -> str:
    world.back_up()
    before = world.snapshots()
    world.clock.set_to_1970()
    world.back_up()
    after = world.snapshots()
    hold(before.keys() < after.keys(), "a backup by a clock that was never set let others go")
    (new,) = after.keys() - before.keys()
    hold(after[new] > max(before.values()), "it does not count as the newest")
    world.prove()
    world.clock.set_right()
    go_on(world)
    return "The backup counts as the newest, and none goes; with the clock set, all is as before."


def _clock_that_jumps(world: World) -> str:
    world.back_up()
    world.clock.ahead_s += _YEARS_S
    world.back_up()
    world.clock.ahead_s -= _YEARS_S
    before = world.snapshots()
    world.back_up()
    after = world.snapshots()
    hold(before.keys() < after.keys(), "a backup by a clock that went back let others go")
    (new,) = after.keys() - before.keys()
    hold(after[new] > max(before.values()), "it does not count as the newest")
    world.confirmed = {each: world.confirmed[each] for each in world.confirmed if each in after}
    world.prove()
    return "Ten years ahead and back: each backup counts as the newest; none goes."


def _wrong_key(world: World) -> str:
    world.back_up()
    wrong = Repository(find_program(), world.target, world.unit, "0" * 64)
    try:
        wrong.snapshots(world.unit)
    except BackupError as error:
        said = str(error)
        hold(error.problem is BackupProblem.WRONG_KEY, said)
    else:
        raise AssertionError("a wrong key opened the backups")
    (key,) = (Path(location_of(world.target, world.unit)) / "keys").iterdir()
    hold(key.name[:8] in said, "it does not say which key is asked for")
    order = StageRestore(
        target=world.target.id, snapshot="latest", unit=world.unit, key="not the key at all"
    )
    refused(world.start(order).finish(), BackupProblem.WRONG_KEY)
    go_on(world)
    return f"“{said}”"


def _other_unit(world: World) -> str:
    world.back_up()
    own = Path(location_of(world.target, world.unit))
    aside = own.with_name("aside")
    own.rename(aside)
    world.make_repository()
    files = {path for path in own.rglob("*") if path.is_file()}
    said = refused(world.start(create(world)).finish(), BackupProblem.OTHER_UNIT)
    hold(files == {path for path in own.rglob("*") if path.is_file()}, "it wrote into them")
    shutil.rmtree(own)
    aside.rename(own)
    go_on(world)
    return f"“{said}” Not a byte of them changes."


def _written_meanwhile(world: World) -> str:
    database = world.data_dir / "atre.db"
    with _writer(database):
        world.back_up_unseen()
        copies = [_check_copy(database, world) for _ in range(_COPIES)]
        folder = world.fetched("latest")
    rows = _check_rows(folder / "atre.db")
    hold(rows, "the backup came before the first row")
    hold(copies[-1] > copies[0], "nothing was written meanwhile")
    _drop_rows(database)
    go_on(world)
    return (
        f"{_COPIES + 1} snapshots while {copies[-1] - copies[0]} pairs of rows were written: none "
        "torn, no pair parted."
    )


def _check_copy(database: Path, world: World) -> int:
    copy = world.home.path / "copy.db"
    copy_database(database, copy)
    try:
        return _check_rows(copy)
    finally:
        copy.unlink()


def _check_rows(copy: Path) -> int:
    """How many pairs a copy has. Raises AssertionError for a torn row or half a pair."""
    with closing(sqlite3.connect(copy)) as connection:
        (sound,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        hold(sound == "ok", f"the copy is damaged: {sound}")
        rows = connection.execute("SELECT pair, side, text, digest FROM canary").fetchall()
    for _, _, text, digest in rows:
        hold(hashlib.sha256(text.encode()).hexdigest() == digest, "a row is torn")
    pairs = {side: {row[0] for row in rows if row[1] == side} for side in ("left", "right")}
    hold(pairs["left"] == pairs["right"], "a pair was parted")
    hold(len(pairs["left"]) == max(pairs["left"], default=-1) + 1, "rows in between are missing")
    return len(pairs["left"])


def _drop_rows(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE canary")


@contextmanager
def _writer(database: Path) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, str(_WRITER), str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            if process.stdout:
                process.stdout.readline()  # the table is there, and the first rows
            yield
        finally:
            process.terminate()


OTHER_FAULTS = (
    Fault("Two backups at once", "two jobs started together", _two_at_once, is_in_suite=True),
    Fault(
        "Another machine works there",
        "restic under another host name, killed",
        _lock_of_another_machine,
    ),
    Fault(
        "Clock of 1970", "the box's clock set back, restic's not", _clock_of_1970, is_in_suite=True
    ),
    Fault("Clock that jumps", "ten years ahead and back", _clock_that_jumps),
    Fault("Wrong password", "another key, by the box and by a restore", _wrong_key),
    Fault("Repository of another unit", "put in the place of the box's own", _other_unit),
    Fault(
        "Database written at full speed", "a process that commits pairs of rows", _written_meanwhile
    ),
)
