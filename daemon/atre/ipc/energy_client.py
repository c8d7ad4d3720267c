# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from pathlib import Path

from atre.errors import AtreError
from atre.ipc.energy_messages import DescribeEnergy, DescribeShares, EnergyShares, RequestEnergy
from atre.ipc.peer import Peer

# An answer is ready and waits for this: what is not known by then is not known.
_DEADLINE_S = 0.05


class EnergyClient:
    """Asks ``atred`` what answers took. Cheap to make, safe to share between threads."""

    def __init__(self, socket_path: Path) -> None:
        self._peer = Peer(socket_path, "management daemon", "service d’administration")

    def of(self, request_ids: Sequence[str]) -> RequestEnergy:
        """What these took together; never raises, and waits for a twentieth of a second at most."""
        if not request_ids:
            return RequestEnergy()
        try:
            request = DescribeEnergy(request_ids=list(request_ids))
            return self._peer.ask(request, RequestEnergy, timeout_s=_DEADLINE_S)
        except AtreError:
            return RequestEnergy()

    def shares(self) -> EnergyShares:
        """Where the energy went. Raises EngineUnavailableError while ``atred`` is down."""
        return self._peer.ask(DescribeShares(), EnergyShares)
