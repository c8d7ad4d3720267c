# SPDX-License-Identifier: Apache-2.0
"""With how many threads the engine decodes while the box saves power. Pure."""

from collections.abc import Mapping

import msgspec

from atre.ipc.eco_messages import ThreadBasis, ThreadFigures

# One-second readings scatter; so much work on end evens them out.
_ENOUGH_S = 60.0
# Who waits twice as long for an answer switches the saving off.
LEAST_SPEED = 0.5


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Work of the engine: ``energy_j`` above the idle baseline, weighted tokens, busy seconds."""

    energy_j: float = 0.0
    tokens: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(
            energy_j=self.energy_j + other.energy_j,
            tokens=self.tokens + other.tokens,
            seconds=self.seconds + other.seconds,
        )

    def __sub__(self, other: "Work") -> "Work":
        return Work(
            energy_j=self.energy_j - other.energy_j,
            tokens=self.tokens - other.tokens,
            seconds=self.seconds - other.seconds,
        )

    @property
    def is_enough(self) -> bool:
        """Whether it says what work takes."""
        return self.seconds >= _ENOUGH_S and self.tokens > 0 and self.energy_j > 0

    @property
    def speed(self) -> float:
        """Weighted tokens a second."""
        return self.tokens / self.seconds

    @property
    def j_token(self) -> float:
        return self.energy_j / self.tokens


def candidates(max_threads: int) -> list[int]:
    """The numbers that are worth a trial: half first, all last, for that needs no eco mode."""
    half, quarter, most = max_threads // 2, max_threads // 4, 3 * max_threads // 4
    return list(dict.fromkeys(max(1, number) for number in (half, most, quarter, max_threads)))


def choose(
    max_threads: int, done: Mapping[int, Work], *, has_meter: bool
) -> tuple[int, ThreadBasis]:
    """How many threads, and why. ``done`` is the work by number of threads."""
    if max_threads <= 1:
        return max(1, max_threads), ThreadBasis.ALL
    if not has_meter:
        return max_threads // 2, ThreadBasis.HALF
    tried = {number: done.get(number, Work()) for number in candidates(max_threads)}
    for number, work in tried.items():
        if not work.is_enough:
            return number, ThreadBasis.TRIAL
    full_s = tried[max_threads].speed
    fast = [number for number in tried if tried[number].speed >= LEAST_SPEED * full_s]
    # Of equals the faster.
    return min(fast, key=lambda n: (tried[n].j_token, -n)), ThreadBasis.MEASURED


def figures(done: Mapping[int, Work]) -> list[ThreadFigures]:
    """What is known of each number of threads, the most first."""
    return [
        ThreadFigures(
            threads=number,
            power_w=work.energy_j / work.seconds,
            tokens_s=work.speed,
            j_token=work.j_token,
        )
        for number, work in sorted(done.items(), reverse=True)
        if work.is_enough
    ]
