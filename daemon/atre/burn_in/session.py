# SPDX-License-Identifier: Apache-2.0
"""One burn-in of this unit from its beginning to its signed report."""

import contextlib
import datetime as dt
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from atre import __version__
from atre.burn_in.disk import DiskProbe
from atre.burn_in.memory import MemoryProbe
from atre.burn_in.power import PowerProbe
from atre.burn_in.report import Report, write_signed
from atre.burn_in.run import Probes, Progress, run
from atre.burn_in.smart import read_smart
from atre.burn_in.soak import SoakProbe
from atre.burn_in.thermals import ThermalProbe
from atre.burn_in.unit import unit, unit_key
from atre.burn_in.verdict import has_passed, judge
from atre.choices.unit_file import FOLDER, REPORT
from atre.engine_plan import EnginePlan
from atre.hardware.machine import Memory
from atre.system.ownership import give_to_owner

# What the engine, the system and the disk's cache need while memory is tested.
_TESTED_MEMORY = 0.75
_DISK_BYTES = 4 * 2**30


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the test as Ctrl-C does: probes put away what they made."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def burn_in(
    data_dir: Path,
    probes: Probes,
    *,
    minutes: float,
    on_progress: Progress,
    serial: str = "",
    cuts: int = 0,
) -> Report:
    """Test this unit and keep its signed report in its data.

    KeyboardInterrupt passes through, and then nothing is kept. Raises BurnInError, OSError.
    """
    started_at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    key, me = unit_key(data_dir), unit(data_dir, serial)
    found = run(probes, minutes * 60, on_progress)
    remarks = judge(found, cuts)
    report = Report(
        unit=me,
        version=__version__,
        started_at=started_at,
        minutes=minutes,
        has_passed=has_passed(remarks),
        remarks=remarks,
        findings=found,
        cuts=cuts,
    )
    write_signed(report, key, data_dir / FOLDER / REPORT)
    give_to_owner(data_dir / FOLDER, data_dir)
    return report


def probes_of(data_dir: Path, memory: Memory, plan: EnginePlan | None, no_plan: str) -> Probes:
    """What tests this unit; ``no_plan`` says why no model can run. Raises OSError."""
    seed = secrets.randbits(32)
    return Probes(
        memory=MemoryProbe(_testable_bytes(memory), memory.total_bytes or 0, seed=seed),
        disk=DiskProbe(
            data_dir,
            min(_DISK_BYTES, shutil.disk_usage(data_dir).free // 2),
            seed=seed,
            smart=read_smart,
        ),
        soak=SoakProbe(plan) if plan else None,
        thermals=ThermalProbe(),
        power=PowerProbe(),
        no_soak=no_plan,
    )


def _testable_bytes(memory: Memory) -> int:
    known = [each for each in (memory.available_bytes, memory.limit_bytes) if each is not None]
    return int(min(known, default=0) * _TESTED_MEMORY)
