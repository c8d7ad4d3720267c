# SPDX-License-Identifier: Apache-2.0
"""What the power meter costs: processor time of a beat, with this machine's own samplers."""

import tempfile
import time
from pathlib import Path

from tests.benchmarks.bars import Bar, Outcome

from atre.ipc.power_messages import PowerSettings
from atre.power.baseline import Baseline
from atre.power.calibration import Calibration
from atre.power.history import PowerHistory
from atre.power.meter import PowerMeter
from atre.power.reading import Basis, Reading, Scope
from atre.power.sources import samplers_of
from atre.power.trace import PowerTrace

_BEATS = 1200
_BAR = Bar("power meter: processor time at one beat a second", 0.5, "≤", "% of a core")


class _Typical:
    """A processor, a card and a plug: machines without sensors would cost nothing."""

    def read(self, now_s: float) -> list[Reading]:
        sources = (
            ("rapl:package-0", Scope.PACKAGE, Basis.COUNTER, 20.0),
            ("nvml:0", Scope.CARD, Basis.COUNTER, 35.0),
            ("plug:shelly:192.0.2.7", Scope.WALL, Basis.PLUG, 80.0),
        )
        return [
            Reading(
                source=name,
                scope=scope,
                basis=basis,
                at_s=now_s,
                power_w=watts,
                energy_j=watts * now_s,
            )
            for name, scope, basis, watts in sources
        ]

    def close(self) -> None:
        pass


def outcome() -> Outcome:
    """Beats as they come, but for the wait between them; twenty minutes are written."""
    start_s = time.monotonic()
    number = 0
    with tempfile.TemporaryDirectory() as folder:
        history = PowerHistory(Path(folder) / "power.db")
        meter = PowerMeter(
            [*samplers_of(PowerSettings(), ""), _Typical()],
            trace=PowerTrace(),
            history=history,
            baseline=Baseline(Path(folder) / "baseline.json"),
            calibration=Calibration(Path(folder) / "calibration.json"),
            is_busy=lambda: False,
            clock=lambda: start_s + number,
            wall=lambda: 1_795_000_000.0 + number,
        )
        before_s = time.process_time()
        for number in range(_BEATS):  # noqa: B007 -- the clocks read it
            meter.beat()
        spent_s = time.process_time() - before_s
        meter.close()
        history.close()
    beat_s = spent_s / _BEATS
    return Outcome(_BAR, beat_s * 100, f"{beat_s * 1e3:.2f} ms a beat over {_BEATS}")


if __name__ == "__main__":
    found = outcome()
    print(f"{found.bar.title}: {found.value:.3f} {found.bar.unit} ({found.made_of})")  # noqa: T201
