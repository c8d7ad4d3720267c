# SPDX-License-Identifier: Apache-2.0
import math
import time
from collections.abc import Sequence
from pathlib import Path

from atre.errors import AtreError
from atre.ipc.energy_messages import DescribeEnergy, DescribeShares, EnergyShares, RequestEnergy
from atre.ipc.peer import Peer

# An answer is ready and waits for this: what is not known by then is not known.
_DEADLINE_S = 0.05
# A box without a meter is not asked at each of many short answers.
_UNMETERED_S = 2.0


class EnergyClient:
    """Asks ``atred`` what answers took. Cheap to make, safe to share between threads."""

    def __init__(self, socket_path: Path) -> None:
        self._peer = Peer(socket_path, "management daemon", "service d’administration")
        self._ask_again_s = -math.inf

    def of(self, request_ids: Sequence[str]) -> RequestEnergy:
        """What these took together; never raises, and waits for a twentieth of a second at most."""
        if not request_ids or time.monotonic() < self._ask_again_s:
            return RequestEnergy()
        try:
            request = DescribeEnergy(request_ids=list(request_ids))
            told = self._peer.ask(request, RequestEnergy, timeout_s=_DEADLINE_S)
        except AtreError:
            return RequestEnergy()
        if not told.is_metered:
            self._ask_again_s = time.monotonic() + _UNMETERED_S
        return told

    def shares(self) -> EnergyShares:
        """Where the energy went. Raises EngineUnavailableError while ``atred`` is down."""
        return self._peer.ask(DescribeShares(), EnergyShares)
