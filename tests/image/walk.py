# SPDX-License-Identifier: Apache-2.0
"""Walk a write log in its order, and judge what a power cut would leave here and there."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.image.crash_states import CrashState, Piece, crash_state, plan
from tests.image.data_partition import Expected
from tests.image.judge import Judge
from tests.image.partition_table import Table, read_table
from tests.image.replay_report import Facts, Tally
from tests.image.slots import Slots
from tests.image.working_disk import WorkingDisk
from tests.image.write_log import Epoch, LogError, WriteLog

_EVERY_S = 15.0


@dataclass(frozen=True)
class Run:
    """``log`` was recorded on the disk ``base``; ``versions`` are folders of images that may start.

    ``only`` is (epoch, number) of one state, None for ``replays`` of them.
    """

    base: Path
    log: WriteLog
    versions: Mapping[str, Path]
    expected: Expected = field(default_factory=Expected)
    seed: int = 1
    replays: int = 1000
    may_tear: bool = True
    only: tuple[int, int] | None = None


def walk(run: Run, work: Path, say: Callable[[str], None] = lambda _: None) -> tuple[Facts, Tally]:
    """Judge them, on a working disk in ``work``. Raises LogError and OSError."""
    began = told = time.monotonic()
    table, tally = _table(run.base), Tally()
    slots = Slots(run.base, table, run.versions)
    with WorkingDisk(run.base, work / "disk.raw", left_out=Slots.spans(table)) as disk:
        judge = Judge(disk, slots, work, table, run.expected)
        weighty = [
            each.number for each in run.log.epochs if any(map(judge.is_weighty, each.writes))
        ]
        states = _states(run, weighty)
        reached = 0
        for state in states:
            for epoch in run.log.epochs[reached : state.epoch]:
                _make_durable(run.log, epoch, disk, slots, judge)
            reached = state.epoch
            old = disk.try_out(run.log, state.pieces)
            verdict = judge.judge(run.log, state.pieces)
            disk.undo(old)
            tally.add(state, verdict)
            if verdict.problems:
                say(f"--only {state.epoch}:{state.number}: {'; '.join(verdict.problems)}")
            if time.monotonic() - told > _EVERY_S:
                told = time.monotonic()
                say(f"{tally.replays} of {len(states)}, epoch {state.epoch}, {told - began:.0f} s")
    facts = Facts(
        writes=run.log.n_writes,
        epochs=len(run.log.epochs),
        boundaries=sum(state.number == 0 for state in states),
        weighty=len(weighty),
        seed=run.seed,
        seconds=time.monotonic() - began,
    )
    return facts, tally


def save_state(run: Run, path: Path) -> None:
    """Write the whole disk of the state ``run.only``, to boot it. Raises LogError and OSError."""
    (state,) = _states(run, ())
    with WorkingDisk(run.base, path) as disk:
        for epoch in run.log.epochs[: state.epoch]:
            disk.write(run.log, map(Piece, epoch.writes))
        disk.write(run.log, state.pieces)


def _table(base: Path) -> Table:
    with base.open("rb") as file:
        table = read_table(
            lambda start, length: os.pread(file.fileno(), length, start), base.stat().st_size
        )
    if table is None:
        raise LogError(f"{base} has no partition table that the box could start from.")
    return table


def _states(run: Run, weighty: list[int] | tuple[()]) -> list[CrashState]:
    epochs = run.log.epochs
    if run.only is None:
        return plan(
            epochs, seed=run.seed, replays=run.replays, weighty=weighty, may_tear=run.may_tear
        )
    epoch, number = run.only
    if not 0 <= epoch < len(epochs):
        raise LogError(f"The log has epochs 0 to {len(epochs) - 1}, not {epoch}.")
    return [crash_state(epochs[epoch], run.seed, number, may_tear=run.may_tear)]


def _make_durable(
    log: WriteLog, epoch: Epoch, disk: WorkingDisk, slots: Slots, judge: Judge
) -> None:
    pieces = [Piece(write) for write in epoch.writes]
    disk.write(log, pieces)
    slots.write(log, pieces)
    judge.made_durable(epoch.writes)
