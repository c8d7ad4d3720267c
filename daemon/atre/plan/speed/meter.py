# SPDX-License-Identifier: Apache-2.0
"""Measures once how fast this machine reads its memory, and remembers it."""

import datetime as dt
import logging
import sys
from collections.abc import Callable

from atre.hardware.ask import ask
from atre.hardware.machine import Issue, Machine
from atre.hardware.threads import count_threads
from atre.plan.speed.bandwidth import MeasuredBandwidth, fingerprint
from atre.plan.speed.record import SpeedRecord

_log = logging.getLogger(__name__)

_TIME_LIMIT_S = 10.0
_GRACE_S = 2.0  # before the child ends itself, should nobody be there to end it
# So far beyond the last-level cache that what stays in it hardly counts.
_CACHES, _LEAST_BYTES, _MOST_BYTES = 4, 2**27, 2**29
_MEMORY_SHARE = 8  # never more than this part of what is free
# Slower than any memory that still works, and faster than any machine's.
_CREDIBLE_BYTES_S = (0.5e9, 4e12)

Command = Callable[[int, int], tuple[str, ...]]


def read_command(size_bytes: int, num_threads: int) -> tuple[str, ...]:
    """The child that reads memory."""
    limit_s = f"{_TIME_LIMIT_S + _GRACE_S:g}"
    module = "atre.plan.speed.read_memory"
    return (sys.executable, "-P", "-m", module, str(size_bytes), str(num_threads), limit_s)


class MemoryMeter:
    """Reads memory in a child process, for less than a second."""

    def __init__(
        self,
        record: SpeedRecord,
        *,
        command: Command = read_command,
        time_limit_s: float = _TIME_LIMIT_S,
    ) -> None:
        self._record = record
        self._command = command
        self._time_limit_s = time_limit_s

    def settle(self, machine: Machine) -> None:
        """Measure unless this machine was measured before."""
        if self._record.known(machine).bandwidth is None:
            self.measure(machine)

    def measure(self, machine: Machine) -> MeasuredBandwidth | None:
        """Measure now and remember; None, and a line in the log, if it cannot be measured."""
        size_bytes = _size_bytes(machine)
        if size_bytes is None:
            _log.warning("the memory's speed is not measured: too little memory is free")
            return None
        threads, _ = count_threads(machine.cpu, "physical")
        answer = ask(self._command(size_bytes, threads), self._time_limit_s)
        if isinstance(answer, Issue):
            _log.warning("the memory's speed could not be measured: %s", answer.detail)
            return None
        try:
            bytes_s = float(answer)
        except ValueError:
            bytes_s = 0.0
        if not _CREDIBLE_BYTES_S[0] <= bytes_s <= _CREDIBLE_BYTES_S[1]:
            _log.warning("the memory's speed was measured as %r, which cannot be", answer[:80])
            return None
        measured = MeasuredBandwidth(
            bytes_s=bytes_s,
            date=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            machine=fingerprint(machine),
        )
        _log.info("memory reads %.1f GB/s", bytes_s / 1e9)
        try:
            self._record.remember_bandwidth(measured)
        except OSError as error:
            _log.warning("the memory's speed cannot be remembered: %s", error)
        return measured


def _size_bytes(machine: Machine) -> int | None:
    """How much to read; None if that much is not free, or would lie in the cache."""
    cache_bytes = machine.cpu.cache_bytes or 0
    wanted = min(_MOST_BYTES, max(_LEAST_BYTES, _CACHES * cache_bytes))
    memory = machine.memory
    known = [size for size in (memory.available_bytes, memory.limit_bytes) if size is not None]
    room = min(known) // _MEMORY_SHARE if known else _LEAST_BYTES
    size_bytes = min(wanted, room)
    return size_bytes if size_bytes >= max(_LEAST_BYTES // 2, 2 * cache_bytes) else None
