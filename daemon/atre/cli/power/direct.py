# SPDX-License-Identifier: Apache-2.0
"""The machine's power without a box: its sensors, read by this command."""

import time
from collections.abc import Callable, Sequence

from atre.ipc.power_basis import Basis
from atre.ipc.power_messages import PowerBucket, PowerDescription, PowerSettings
from atre.power.machine_power import coverage, span_between
from atre.power.reading import Reading
from atre.power.sampler import Sampler
from atre.power.sources import samplers_of, told_sources
from atre.power.tariff import co2_examples, tariff_offers

_SETTLE_S = 1.0  # a counter tells power only as a difference

_NOTHING = PowerBucket(
    start_s=0.0,
    end_s=0.0,
    energy_j=None,
    idle_j=None,
    covered_s=0.0,
    expected_s=0.0,
    basis=Basis.UNKNOWN,
)


class DirectReadings:
    """Reads what the box would read; a power is the mean since the reading before."""

    def __init__(
        self,
        settings: PowerSettings,
        plug_password: str,
        *,
        build: Callable[[PowerSettings, str], Sequence[Sampler]] = samplers_of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._has_password = settings, bool(plug_password)
        self._samplers = list(build(settings, plug_password))
        self._clock = clock
        self._before: list[Reading] = []
        self._readings = self._read()

    def settle(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Wait until a power can be told."""
        sleep(_SETTLE_S)

    def now(self) -> tuple[float | None, Basis]:
        """The machine's power since the last call, and how it is known."""
        self._before, self._readings = self._readings, self._read()
        span = span_between(self._before, self._readings)
        return (None, Basis.UNKNOWN) if span is None else (span.power_w, span.basis)

    def describe(self) -> PowerDescription:
        power_w, basis = self.now()
        return PowerDescription(
            power_w=power_w,
            basis=basis,
            error_fraction=None,
            idle_w=None,
            coverage=coverage(self._readings),
            sources=told_sources(self._readings),
            today=_NOTHING,
            month=_NOTHING,
            energy_total_j=None,
            settings=self._settings,
            has_plug_password=self._has_password,
            currency=None,
            calibration=None,
            calibration_progress=None,
            tariffs=tariff_offers(),
            co2_examples=list(co2_examples()),
        )

    def close(self) -> None:
        for sampler in self._samplers:
            sampler.close()

    def _read(self) -> list[Reading]:
        now_s = self._clock()
        return [reading for sampler in self._samplers for reading in sampler.read(now_s)]
