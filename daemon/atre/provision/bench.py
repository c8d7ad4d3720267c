# SPDX-License-Identifier: Apache-2.0
"""What a unit does on the reseller's bench, and how far it is: ``factory/bench.json``.

Sealing keeps ``factory/``, so that one which lost power goes on. The file is the last thing that a
sealing removes; nothing else of the bench counts once it is gone.
"""

import contextlib
import time
from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from atre.choices.owner_mark import waits_for_owner
from atre.choices.unit_file import CERTIFICATE, FOLDER, REPORT
from atre.errors import ConfigError
from atre.provision.file import Bench
from atre.provision.record import model_to_come
from atre.sentence import Sentence
from atre.system.durable import write_durably

_FILE = "bench.json"
_PROGRESS = "bench-progress.json"


class Phase(StrEnum):
    """How far it is. Nothing goes on by itself from STOPPED, CUT and ENDED."""

    WAITING = "waiting"  # for the model that was ordered, or for the box's next start
    RUNNING = "running"  # the burn-in
    STOPPED = "stopped"  # by a shutdown
    CUT = "cut"  # by nobody: the power, a crash, a machine that hung
    ENDED = "ended"  # tested, and not to be sealed or not fit for it
    SEALING = "sealing"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What was ordered, and what came of it so far.

    ``boot_id`` names the start of the machine in which a burn-in runs; ``cuts`` counts those that
    nobody ended. ``said`` is what stands in the way, or what a person should look at.
    """

    burn_in_minutes: float | None
    seal: bool
    phase: Phase = Phase.WAITING
    boot_id: str = ""
    cuts: int = 0
    has_passed: bool = False
    said: tuple[Sentence, ...] = ()


class Progress(msgspec.Struct, frozen=True):
    """What is tested now, and for how long the whole still takes."""

    step: Literal["memory", "disk", "engine"]
    left_s: float


def read(data_dir: Path) -> Order | None:
    """None for a unit of which nothing was ordered, or whose order cannot be read."""
    try:
        return msgspec.json.decode((data_dir / FOLDER / _FILE).read_bytes(), type=Order)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def write(data_dir: Path, order: Order) -> None:
    """Raises OSError."""
    write_durably(data_dir / FOLDER / _FILE, msgspec.json.encode(order))


def forget(data_dir: Path) -> None:
    """Raises OSError."""
    (data_dir / FOLDER / _FILE).unlink(missing_ok=True)


def give(data_dir: Path, asked: Bench, boot_id: str) -> None:
    """Order it, in place of what was ordered before.

    Raises ConfigError while a burn-in runs or the unit is being sealed, and OSError.
    """
    before = read(data_dir)
    is_busy = before is not None and (
        before.phase is Phase.SEALING
        or (before.phase is Phase.RUNNING and before.boot_id == boot_id)
    )
    if is_busy:
        raise ConfigError(
            "The unit is being tested or sealed. Wait for the end, or switch it off at its button.",
            "Le boîtier est à l’essai ou en cours de scellage. Attendez la fin, ou éteignez-le à "
            "son bouton.",
        )
    if asked.burn_in_minutes is None and not asked.seal:
        return
    # What counted before does so no longer, whatever becomes of this.
    (data_dir / FOLDER / CERTIFICATE).unlink(missing_ok=True)
    if asked.burn_in_minutes is not None:
        (data_dir / FOLDER / REPORT).unlink(missing_ok=True)
    cuts = before.cuts + (before.phase is Phase.RUNNING) if before else 0
    write(data_dir, Order(burn_in_minutes=asked.burn_in_minutes, seal=asked.seal, cuts=cuts))


def noted_cut(order: Order) -> Order:
    """A burn-in that the next start finds still running."""
    return replace(order, phase=Phase.CUT, cuts=order.cuts + 1)


def has_owner(data_dir: Path) -> bool:
    """Whether the box is somebody's: then nobody tests or seals it."""
    return (data_dir / "atre.db").exists() and not waits_for_owner(data_dir / "state")


def is_due(data_dir: Path) -> bool:
    """Whether the next start of the box carries it out."""
    order = read(data_dir)
    is_waiting = order is not None and order.phase is Phase.WAITING
    return is_waiting and not has_owner(data_dir) and not model_to_come(data_dir / "state")


class ProgressNote:
    """Leaves the progress for the box's screen, every two seconds at most."""

    _PERIOD_S = 2.0

    def __init__(self, runtime_dir: Path) -> None:
        self._path = runtime_dir / _PROGRESS
        self._told_s = float("-inf")

    def tell(self, progress: Progress) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < self._PERIOD_S:
            return
        self._told_s = now_s
        made = self._path.with_name(f".{_PROGRESS}")
        with contextlib.suppress(OSError):
            made.write_bytes(msgspec.json.encode(progress))
            made.replace(self._path)


def progress(runtime_dir: Path) -> Progress | None:
    """What was last told; None for nothing yet."""
    try:
        return msgspec.json.decode((runtime_dir / _PROGRESS).read_bytes(), type=Progress)
    except (OSError, msgspec.DecodeError):
        return None
