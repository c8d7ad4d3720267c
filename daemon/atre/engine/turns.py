# SPDX-License-Identifier: Apache-2.0
import threading
from dataclasses import dataclass

from atre.ipc.messages import Turn


@dataclass(slots=True)
class _Tally:
    count: int = 0
    total_s: float = 0.0
    outside_s: float = 0.0


class Turns:
    """What steps that only decode cost, by number of streams: all of it, and outside the model.

    What is outside is our own: choosing the batch, laying it out, sending what it produced. The
    engine's thread records, other threads read.
    """

    def __init__(self) -> None:
        self._tallies: dict[int, _Tally] = {}
        self._lock = threading.Lock()

    def record(self, num_streams: int, *, total_s: float, outside_s: float) -> None:
        """Add one step that computed the next tokens of ``num_streams`` sequences."""
        with self._lock:
            tally = self._tallies.setdefault(num_streams, _Tally())
            tally.count += 1
            tally.total_s += total_s
            tally.outside_s += outside_s

    def totals(self) -> list[Turn]:
        """The sums since the engine started, fewest streams first."""
        with self._lock:
            return [
                Turn(
                    num_streams=num_streams,
                    count=tally.count,
                    total_s=tally.total_s,
                    outside_s=tally.outside_s,
                )
                for num_streams, tally in sorted(self._tallies.items())
            ]
