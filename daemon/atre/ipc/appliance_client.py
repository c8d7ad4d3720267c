# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from atre.ipc.appliance_messages import (
    Appliance,
    ChangeNetwork,
    ConfirmNetwork,
    DescribeAppliance,
    NetworkSettings,
    OrderFactoryReset,
    PresenceMeans,
    PresenceUsed,
    TakeBackFactoryReset,
    TakeBackNetwork,
    UsePresenceCode,
)
from atre.ipc.peer import Peer

# networkd is told twice, and each time may take its ten seconds.
_NETWORK_TIMEOUT_S = 25.0


class ApplianceClient:
    """Asks ``atred`` about the machine. Cheap to make, safe to share between threads.

    Every method raises EngineUnavailableError while the daemon is down.
    """

    def __init__(self, socket_path: Path) -> None:
        self._peer = Peer(socket_path, "management daemon", "service d’administration")

    def describe(self) -> Appliance:
        return self._peer.ask(DescribeAppliance(), Appliance)

    def order_factory_reset(self, typed: str, by: str, *, restart: bool = True) -> Appliance:
        """Erase everything at the next start.

        Raises InvalidRequestError (``param`` is ``typed``) unless ``typed`` is the serial.
        """
        request = OrderFactoryReset(typed=typed, by=by, restart=restart)
        return self._peer.ask(request, Appliance)

    def take_back_factory_reset(self) -> Appliance:
        return self._peer.ask(TakeBackFactoryReset(), Appliance)

    def change_network(self, settings: NetworkSettings) -> Appliance:
        """Try these settings for 30 seconds.

        Raises InvalidRequestError, whose ``param`` is the field at fault, and ConflictError while
        another change is on trial or where the network is not the box's to change.
        """
        request = ChangeNetwork(settings=settings)
        return self._peer.ask(request, Appliance, timeout_s=_NETWORK_TIMEOUT_S)

    def confirm_network(self, change_id: str) -> Appliance:
        """Keep what is on trial. Raises ConflictError if it was taken back already."""
        return self._peer.ask(ConfirmNetwork(id=change_id), Appliance)

    def take_back_network(self) -> Appliance:
        return self._peer.ask(TakeBackNetwork(), Appliance)

    def use_presence_code(self, code: str) -> PresenceMeans:
        """Spend the code that was given out at the box; says how it was given out.

        Raises ForbiddenError for a wrong one, and if none is open.
        """
        return self._peer.ask(UsePresenceCode(code=code), PresenceUsed).means
