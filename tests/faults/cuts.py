# SPDX-License-Identifier: Apache-2.0
"""Power cuts at random instants: in a backup with its prune, a check, a restore, and its undo."""

import random
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.start import Applying
from tests.faults.world import LostBackupError, World, starts

from atre.backup.swap import confirm, drop, finish, order
from atre.ipc.backup_messages import BackupOrder, CreateBackup, StageRestore, VerifyBackup
from atre.ipc.backup_replies import Stage

_SHARES = {"backup": 9, "verify": 2, "fetch": 3, "apply": 4, "undo": 2}
_FLUSH_S = (0.005, 0.25)


@dataclass
class Tally:
    """What a run of cuts came to."""

    seeds: list[int] = field(default_factory=list)
    cuts: dict[str, int] = field(default_factory=dict)
    num_lost: int = 0
    num_unusable: int = 0
    num_stale_locks: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def num_cuts(self) -> int:
        return sum(self.cuts.values())

    def told(self) -> str:
        said = (
            f"{self.num_cuts} cuts, {self.num_lost} confirmed backups lost, "
            f"{self.num_unusable} unusable units"
        )
        return "; ".join([said, *self.failures])

    def add(self, seed: int, other: "Tally") -> None:
        """Take another one's figures in."""
        self.seeds.append(seed)
        for what, number in other.cuts.items():
            self.cuts[what] = self.cuts.get(what, 0) + number
        self.num_lost += other.num_lost
        self.num_unusable += other.num_unusable
        self.num_stale_locks += other.num_stale_locks
        self.failures += other.failures

    def count(self, what: str) -> None:
        self.cuts[what] = self.cuts.get(what, 0) + 1


def run_cuts(
    folder: Path,
    seeds: Sequence[int],
    per_seed: int,
    *,
    at_once: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> Tally:
    """``per_seed`` cuts in a fresh world for each seed; every second stick has no journal.

    The seed decides what is cut and the planned instant; the machine's load moves that a little.
    """
    whole, began_s = Tally(), time.monotonic()

    def run(seed: int) -> tuple[int, Tally]:
        tally = Tally()
        with tempfile.TemporaryDirectory(dir=folder) as directory:
            _cut_a_world(Path(directory), seed, per_seed, tally)
        return seed, tally

    with ThreadPoolExecutor(at_once) as pool:
        for seed, tally in pool.map(run, seeds):
            whole.add(seed, tally)
            whole.seconds = time.monotonic() - began_s
            say(f"seed {seed}: {tally.told()}; in all {whole.told()}, {whole.seconds:.0f} s")
    return whole


def _cut_a_world(folder: Path, seed: int, number: int, tally: Tally) -> None:
    chance = random.Random(seed)
    with World(folder, has_journal=seed % 2 == 0) as world:
        world.back_up()
        for index in range(number):
            (kind,) = chance.choices(list(_SHARES), list(_SHARES.values()))
            try:
                _KINDS[kind](world, chance, tally)
            except LostBackupError as error:
                tally.num_lost += 1
                tally.failures.append(f"seed {seed}, cut {index}, {kind}: {error}")
                return
            except Exception as error:  # noqa: BLE001 -- whatever it is, the unit is no use
                tally.num_unusable += 1
                where = "".join(traceback.format_tb(error.__traceback__)[-2:])
                tally.failures.append(f"seed {seed}, cut {index}, {kind}: {error!r} {where}")
                return


def _cut_backup(world: World, chance: random.Random, tally: Tally) -> None:
    world.change(chance)
    _cut_job(world, chance, tally, CreateBackup(target=world.target.id))


def _cut_verify(world: World, chance: random.Random, tally: Tally) -> None:
    _cut_job(world, chance, tally, VerifyBackup(target=world.target.id, is_whole=True))


def _cut_fetch(world: World, chance: random.Random, tally: Tally) -> None:
    world.change(chance)
    _cut_job(world, chance, tally, _any_restore(world, chance))
    drop(world.place)


def _cut_job(world: World, chance: random.Random, tally: Tally, what: BackupOrder) -> None:
    before, holds = world.snapshots(), world.contents()
    stages = [s for s in world.durations_s if isinstance(what, CreateBackup)] or [Stage.PREPARING]
    stage = chance.choice(stages)
    longest_s = world.durations_s[stage] if len(stages) > 1 else sum(world.durations_s.values())
    delay_s = chance.uniform(0, longest_s)
    with _flushing(world, chance):
        job = world.start(what)
        if stage is Stage.PREPARING or job.reaches(stage):
            job.lasts(delay_s)
    world.cut(job.kill, chance)
    world.confirm(job, holds)
    tally.num_stale_locks += world.num_locks()
    reached = (job.stages() or [Stage.PREPARING])[-1]
    tally.count(f"{type(what).__name__}, {'over' if job.has_ended_well else reached}")
    world.check(before, {holds.version})


def _cut_apply(world: World, chance: random.Random, tally: Tally) -> None:
    world.change(chance)
    chosen = _any_restore(world, chance)
    before, old, new = world.snapshots(), world.version, world.confirmed[chosen.snapshot].version
    world.run(chosen)
    words = _cut_start(world, chance, "apply")
    tally.count(f"ApplyRestore, {words[-1]}")
    world.check(before, {new} if "ordered" in words else {old, new})
    starts(world.data_dir)
    drop(world.place)


def _cut_undo(world: World, chance: random.Random, tally: Tally) -> None:
    world.change(chance)
    chosen = _any_restore(world, chance)
    before, old, new = world.snapshots(), world.version, world.confirmed[chosen.snapshot].version
    world.run(chosen)
    order(world.place)
    finish(world.place)
    words = _cut_start(world, chance, "undo")
    tally.count(f"UndoRestore, {words[-1]}")
    world.check(before, {old} if "ordered" in words else {old, new})
    starts(world.data_dir)
    confirm(world.place)


_KINDS: dict[str, Callable[[World, random.Random, Tally], None]] = {
    "backup": _cut_backup,
    "verify": _cut_verify,
    "fetch": _cut_fetch,
    "apply": _cut_apply,
    "undo": _cut_undo,
}


def _any_restore(world: World, chance: random.Random) -> StageRestore:
    snapshot = chance.choice(sorted(world.confirmed))
    return StageRestore(target=world.target.id, snapshot=snapshot)


def _cut_start(world: World, chance: random.Random, what: str) -> list[str]:
    """Cut a start somewhere in what it does; returns what it said."""
    share = chance.uniform(0, 1.1)
    with _flushing(world, chance):
        start = Applying(world.data_dir, what)
        start.go(share * world.start_s)
    world.cut(start.kill, chance)
    if start.took_s is not None:
        world.start_s = start.took_s
    return start.words


@contextmanager
def _flushing(world: World, chance: random.Random) -> Iterator[None]:
    """In half of the cuts the kernel writes back now and then, so that a part of it is there."""
    own = random.Random(chance.random())
    is_on, stop = own.random() < 0.5, threading.Event()

    def flush() -> None:
        while is_on and not stop.wait(own.uniform(*_FLUSH_S)):
            own.choice((world.home, world.stick)).flush()

    thread = threading.Thread(target=flush)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
