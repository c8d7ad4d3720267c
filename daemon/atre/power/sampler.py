# SPDX-License-Identifier: Apache-2.0
from typing import Protocol

from atre.power.reading import Reading


class Sampler(Protocol):
    """One kind of power source of the machine, read about once a second.

    A read never raises and never blocks for longer than a tenth of a second: what is slow (a plug
    on the LAN, a UPS) is asked by a thread of the sampler's own, and ``read`` tells the last reply
    with the time at which it was true. A source that is there but cannot be read gives a Reading
    with its reason; a machine without such sources gives nothing.
    """

    def read(self, now_s: float) -> list[Reading]:
        """Tell each source once; ``now_s`` is the monotonic clock, in seconds."""
        ...

    def close(self) -> None:
        """Release files and end threads."""
        ...
