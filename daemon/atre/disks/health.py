# SPDX-License-Identifier: Apache-2.0
import threading
import time
from collections.abc import Callable
from pathlib import Path

from atre.disks import smart, written
from atre.disks.findings import findings, years_left
from atre.disks.smart import Smart
from atre.disks.written import Sample, Writes
from atre.ipc.appliance_messages import DiskHealth
from atre.sentence import Sentence

REPORTS = Path("/run/atre-disks")
_MAX_BYTES = 4 * 2**20
_OLD_S = 3 * 3600.0

NO_REPORT = Sentence(
    "The disks are not watched here: the appliance does it, with smartctl.",
    "Les disques ne sont pas surveillés ici : l’appliance le fait, avec smartctl.",
)
_OLD_REPORT = Sentence(
    "The disks have not told of themselves for hours; the system's log says why.",
    "Les disques ne disent plus rien depuis des heures ; le journal du système dit pourquoi.",
)


class Disks:
    """The last reports, judged; safe to call from several threads."""

    def __init__(
        self,
        state_dir: Path,
        reports: Path = REPORTS,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._state_dir, self._reports, self._now = state_dir, reports, now
        self._lock = threading.Lock()
        self._writes = written.read(state_dir)

    def look(self) -> tuple[list[DiskHealth], Sentence | None]:
        """The disks, and why nothing (new) is known of them, None where it is."""
        paths = sorted(self._reports.glob("*.json")) if self._reports.is_dir() else []
        found = [disk for path in paths if (disk := _read(path)) is not None]
        if not found:
            return [], NO_REPORT
        with self._lock:
            self._note(found)
            writes = self._writes
        is_old = all(self._now() - _changed_at(path) > _OLD_S for path in paths)
        return [_health(disk, writes) for disk in found], _OLD_REPORT if is_old else None

    def _note(self, found: list[Smart]) -> None:
        writes = self._writes
        for disk in found:
            if disk.written_bytes is not None:
                sample = Sample(self._now(), disk.written_bytes)
                writes = written.noted(writes, disk.key, sample)
        if writes is not self._writes:
            self._writes = writes
            written.write(self._state_dir, writes)


def _read(path: Path) -> Smart | None:
    try:
        with path.open("rb") as file:
            return smart.read(path.stem, file.read(_MAX_BYTES))
    except OSError:
        return None


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _health(disk: Smart, writes: Writes) -> DiskHealth:
    return DiskHealth(
        name=disk.name,
        model=disk.model,
        size_bytes=disk.size_bytes,
        wear=disk.wear,
        media_errors=disk.media_errors,
        written_bytes=disk.written_bytes,
        written_day_bytes=written.in_a_day(writes, disk.key),
        years_left=years_left(disk),
        temperature_c=disk.temperature_c,
        power_on_hours=disk.power_on_hours,
        has_passed=disk.has_passed,
        findings=findings(disk),
    )
