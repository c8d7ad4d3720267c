# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from atre.ipc.media_messages import (
    AskSftpHost,
    DescribeSpace,
    DescribeTargets,
    MediaRequest,
    SetSpaceLimits,
    SftpHost,
    SpaceReport,
    Targets,
)
from atre.ipc.message import Message
from atre.ipc.peer import Peer

# A disk is written out before it is released, formatting takes its time, and so do far servers.
_TIMEOUT_S = 120.0

# Of all others: the targets.
_REPLIES: dict[type, type[Message]] = {
    AskSftpHost: SftpHost,
    DescribeSpace: SpaceReport,
    SetSpaceLimits: SpaceReport,
}


class MediaClient:
    """Asks ``atred`` about backup targets. Cheap to make, safe to share between threads.

    Every method raises MediaError for what cannot be done, InvalidRequestError for what makes no
    sense, and EngineUnavailableError while the daemon is down.
    """

    def __init__(self, socket_path: Path) -> None:
        self._peer = Peer(socket_path, "management daemon", "service d’administration")

    def targets(self) -> Targets:
        # A server that is down is only given up after seconds.
        return self._peer.ask(DescribeTargets(), Targets, timeout_s=_TIMEOUT_S)

    def change(self, request: MediaRequest) -> Targets:
        """Add, rename, remove, release, ignore or format; what there is afterwards."""
        return self._peer.ask(request, Targets, timeout_s=_TIMEOUT_S)

    def answer(self, request: MediaRequest) -> Message:
        """The reply to any of the requests."""
        return self._peer.ask(request, _REPLIES.get(type(request), Targets), timeout_s=_TIMEOUT_S)

    def ask_sftp_host(self, request: AskSftpHost) -> SftpHost:
        return self._peer.ask(request, SftpHost, timeout_s=_TIMEOUT_S)

    def space(self) -> SpaceReport:
        return self._peer.ask(DescribeSpace(), SpaceReport)

    def set_limits(self, request: SetSpaceLimits) -> SpaceReport:
        return self._peer.ask(request, SpaceReport)
