# SPDX-License-Identifier: Apache-2.0
import msgspec

from atre.ipc.power_basis import Basis, Scope
from atre.sentence import Sentence

__all__ = ["Basis", "Reading", "Scope"]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one source said at ``at_s`` (seconds of the monotonic clock).

    ``source`` is stable over restarts: ``rapl:package-0``, ``plug:shelly:192.0.2.7``.
    ``energy_j`` counts from when the sampler began, without the hardware's wraps; None where the
    source only tells its power. ``power_w`` is None where it cannot be told; ``reason`` then says
    why, and what to do.
    """

    source: str
    scope: Scope
    basis: Basis
    at_s: float
    power_w: float | None = None
    energy_j: float | None = None
    reason: Sentence | None = None
