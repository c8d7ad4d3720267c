# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from atre.ipc.eco_messages import EcoSettings, SetEco
from atre.ipc.peer import Peer
from atre.ipc.power_messages import (
    DescribePower,
    ForgetCalibration,
    PowerDescription,
    PowerHistory,
    PowerSettings,
    ReadPowerHistory,
    Resolution,
    SetPower,
)


class PowerClient:
    """Asks ``atred`` about power. Cheap to make, safe to share between threads.

    Every method raises EngineUnavailableError while the daemon is down.
    """

    def __init__(self, socket_path: Path) -> None:
        self._peer = Peer(socket_path, "management daemon", "service d’administration")

    def describe(self) -> PowerDescription:
        return self._peer.ask(DescribePower(), PowerDescription)

    def history(self, resolution: Resolution, from_s: float, to_s: float) -> PowerHistory:
        """The buckets that begin in the interval (Unix seconds)."""
        request = ReadPowerHistory(resolution=resolution, from_s=from_s, to_s=to_s)
        return self._peer.ask(request, PowerHistory)

    def set(self, settings: PowerSettings, *, plug_password: str | None = None) -> PowerDescription:
        """Keep settings; see ``SetPower``.

        Raises InvalidRequestError, whose ``param`` is the field at fault, and StorageError's words
        as an EngineError if they cannot be kept.
        """
        request = SetPower(settings=settings, plug_password=plug_password)
        return self._peer.ask(request, PowerDescription)

    def set_eco(self, settings: EcoSettings) -> PowerDescription:
        """Save power by these settings. Raises as ``set`` does."""
        return self._peer.ask(SetEco(settings=settings), PowerDescription)

    def forget_calibration(self) -> PowerDescription:
        return self._peer.ask(ForgetCalibration(), PowerDescription)
