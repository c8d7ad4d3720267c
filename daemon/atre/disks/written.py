# SPDX-License-Identifier: Apache-2.0
"""How much is written in a day, from the disks' own counters, in ``state/disk-writes.json``."""

import contextlib
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.system.durable import write_durably

_FILE = "disk-writes.json"
_DAY_S = 86_400.0
_STEP_S = 3_600.0
_LEAST_SPAN_S = 6 * _STEP_S  # less says little of a day


class Sample(msgspec.Struct, frozen=True):
    """A disk's counter at a time (Unix seconds)."""

    at: float
    written_bytes: int


class Writes(msgspec.Struct, frozen=True):
    """Samples by disk, the oldest first, an hour apart."""

    disks: dict[str, list[Sample]] = {}


def read(state_dir: Path) -> Writes:
    """What was counted; what cannot be read is nothing."""
    try:
        return msgspec.json.decode((state_dir / _FILE).read_bytes(), type=Writes)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return Writes()


def write(state_dir: Path, writes: Writes) -> None:
    """A full disk only costs the figure."""
    with contextlib.suppress(OSError):
        write_durably(state_dir / _FILE, msgspec.json.encode(writes))


def noted(writes: Writes, disk: str, sample: Sample) -> Writes:
    """With this sample, if the last one is an hour old; without what is older than a day."""
    kept = [
        each
        for each in writes.disks.get(disk, [])
        # A clock that was set back, or another disk under this key: begin again.
        if each.at <= sample.at and each.written_bytes <= sample.written_bytes
    ]
    if kept and sample.at - kept[-1].at < _STEP_S:
        return writes
    while len(kept) > 1 and sample.at - kept[1].at >= _DAY_S:
        kept = kept[1:]
    return replace(writes, disks=writes.disks | {disk: [*kept, sample]})


def in_a_day(writes: Writes, disk: str) -> int | None:
    """Bytes in 24 hours at the pace since the oldest sample, None while that is too short."""
    samples = writes.disks.get(disk, [])
    if len(samples) < 2 or samples[-1].at - samples[0].at < _LEAST_SPAN_S:  # noqa: PLR2004
        return None
    span_s = samples[-1].at - samples[0].at
    return round((samples[-1].written_bytes - samples[0].written_bytes) * _DAY_S / span_s)
