# SPDX-License-Identifier: Apache-2.0
"""What was measured on this machine, kept in the box's ``state`` directory."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from atre.hardware.machine import Machine
from atre.plan.race.candidates import candidates
from atre.plan.race.record import RaceRecord
from atre.plan.race.verdict import Verdict
from atre.plan.speed.bandwidth import MeasuredBandwidth, fingerprint
from atre.plan.speed.estimate import Sample
from atre.system.durable import write_durably

_FILE = "speed.json"
_NUM_KEPT = 16


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one machine; nothing, by default."""

    bandwidth: MeasuredBandwidth | None = None
    samples: tuple[Sample, ...] = ()


class SpeedRecord:
    """``speed.json``, and the races of ``race.json``; a damaged file counts as none."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / _FILE
        self._races = RaceRecord(state_dir)

    def known(self, machine: Machine) -> Known:
        """What was measured on this machine, and not on one whose disk it was before."""
        here, stored = fingerprint(machine), self._read()
        bandwidth = stored.bandwidth
        return Known(
            bandwidth=bandwidth if bandwidth and bandwidth.machine == here else None,
            samples=(
                *(sample for sample in stored.samples if sample.machine == here),
                *(
                    sample
                    for verdict in self._races.verdicts()
                    for sample in _raced(verdict, machine)
                ),
            ),
        )

    def remember_bandwidth(self, bandwidth: MeasuredBandwidth) -> None:
        """Keep it in place of the one before. Raises OSError."""
        self._write(msgspec.structs.replace(self._read(), bandwidth=bandwidth))

    def remember_answers(self, sample: Sample) -> None:
        """Keep it in place of what was known of this model and device. Raises OSError."""
        stored = self._read()
        others = [
            other
            for other in stored.samples
            if (other.model, other.device, other.machine)
            != (sample.model, sample.device, sample.machine)
        ]
        self._write(msgspec.structs.replace(stored, samples=(sample, *others)[:_NUM_KEPT]))

    def _read(self) -> Known:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Known)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return Known()

    def _write(self, known: Known) -> None:
        write_durably(self._path, msgspec.json.format(msgspec.json.encode(known)))


def _raced(verdict: Verdict, machine: Machine) -> Iterator[Sample]:
    """The speeds of one race on devices that are still the same."""
    if verdict.token_bytes is None:
        return
    same = {each.name for each in candidates(machine) if each in verdict.field.candidates}
    for result in verdict.results:
        if result.speed is None or result.speed.is_disturbed:
            continue
        if result.name in same:
            yield Sample(
                model=verdict.field.model,
                device=result.name,
                token_bytes=verdict.token_bytes,
                is_mixture=verdict.is_mixture,
                tokens_s=result.speed.decode_tokens_s,
                prompt_tokens_s=result.speed.prefill_tokens_s,
                num_tokens=0,
                source="race",
                date=verdict.date,
                machine=fingerprint(machine),
            )
