# SPDX-License-Identifier: Apache-2.0
from collections import deque
from pathlib import Path
from typing import Self

import msgspec

from atre.ipc.box_messages import (
    MakeSupportBundle,
    RestartEngine,
    SetDiscovery,
    SetSleep,
    SupportBundle,
)
from atre.ipc.messages import (
    BoxDescription,
    DescribeBox,
    DescribeEngine,
    EndSetup,
    EngineDescription,
    EngineEvent,
    Finished,
    Generate,
    ResetCertificate,
    UseCertificate,
)
from atre.ipc.peer import Peer
from atre.ipc.presence import Activity, DescribeActivity, Moved, SleepTimes
from atre.ipc.running_job import RunningJob

_BUNDLE_TIMEOUT_S = 60.0  # drivers are asked in processes of their own, which may hang a while

# Where the engine's address leads while no engine is loaded.
LOBBY_SOCKET = "engine-lobby.sock"

_decoder = msgspec.msgpack.Decoder(EngineEvent | Moved)


class EngineClient:
    """Speaks to ``atre-engine``. Cheap to make, safe to share between threads."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path
        self._peer = Peer(socket_path, "engine", "moteur")

    def incarnation(self) -> tuple[int, int] | None:
        """Equal as long as the same process answers, with the one model that it ever runs.

        None where nobody answers, or the lobby, which speaks for whichever model comes.
        """
        try:
            door = self._path.resolve(strict=True)
            status = door.stat()
        except OSError:
            return None
        return None if door.name == LOBBY_SOCKET else (status.st_ino, status.st_ctime_ns)

    def describe(self) -> EngineDescription:
        """What the engine runs. Raises EngineUnavailableError while it is down or loading."""
        return self._peer.ask(DescribeEngine(), EngineDescription)

    def activity(self) -> Activity:
        """Whether anybody is being answered. Raises EngineUnavailableError while it is down."""
        return self._peer.ask(DescribeActivity(), Activity)

    def generate(self, request: Generate) -> "Generation":
        """Start one completion. Raises EngineUnavailableError if the engine cannot be reached."""
        return Generation(self._peer, request)


class ManagementClient:
    """Speaks to ``atred``. Cheap to make, safe to share between threads."""

    def __init__(self, socket_path: Path) -> None:
        self._peer = Peer(socket_path, "management daemon", "service d’administration")

    def describe(self) -> BoxDescription:
        """How the LAN sees the box. Raises EngineUnavailableError while ``atred`` is down."""
        return self._peer.ask(DescribeBox(), BoxDescription)

    def use_certificate(self, certificate: bytes, key: bytes, chain: bytes) -> BoxDescription:
        """Serve this certificate at once.

        Raises InvalidRequestError if it cannot be, EngineUnavailableError while ``atred`` is down.
        """
        request = UseCertificate(certificate=certificate, key=key, chain=chain)
        return self._peer.ask(request, BoxDescription)

    def reset_certificate(self, *, authority: bool) -> BoxDescription:
        """Serve the box's own certificate again, of a new authority if asked for.

        Raises EngineUnavailableError while ``atred`` is down.
        """
        return self._peer.ask(ResetCertificate(authority=authority), BoxDescription)

    def end_setup(self) -> BoxDescription:
        """Tell that the box has an owner. Raises EngineUnavailableError while ``atred`` is down."""
        return self._peer.ask(EndSetup(), BoxDescription)

    def set_discovery(self, *, announced: bool) -> BoxDescription:
        """Announce the box, or keep silent.

        Raises InvalidRequestError on a box that is not on the LAN, StorageError if the choice
        cannot be kept, EngineUnavailableError while ``atred`` is down.
        """
        return self._peer.ask(SetDiscovery(announced=announced), BoxDescription)

    def set_sleep(self, times: SleepTimes | None) -> BoxDescription:
        """Let the model sleep by these times, or by the start's options.

        Raises InvalidRequestError for times that make no sense, StorageError if they cannot be
        kept, EngineUnavailableError while ``atred`` is down.
        """
        return self._peer.ask(SetSleep(times=times), BoxDescription)

    def restart_engine(self) -> BoxDescription:
        """Start the engine anew. Raises EngineUnavailableError while ``atred`` is down."""
        return self._peer.ask(RestartEngine(), BoxDescription)

    def support_bundle(self) -> SupportBundle:
        """What a helper needs; takes seconds. Raises EngineUnavailableError likewise."""
        return self._peer.ask(MakeSupportBundle(), SupportBundle, timeout_s=_BUNDLE_TIMEOUT_S)


class Generation(RunningJob[EngineEvent]):
    """One running completion; iterating over it waits for each event."""

    def __init__(self, peer: Peer, request: Generate) -> None:
        super().__init__(peer, request, _decoder)
        self._pending: deque[EngineEvent] = deque()
        self._ended = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> EngineEvent:
        """Block for the next event; the iteration ends after ``Finished``."""
        while not self._pending:
            if self._ended:
                raise StopIteration
            self._pending.extend(self.read())
        event = self._pending.popleft()
        self._ended = isinstance(event, Finished)
        return event
