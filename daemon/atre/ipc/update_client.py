# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from atre.ipc.peer import Peer
from atre.ipc.update_messages import (
    CancelUpdate,
    CheckUpdate,
    ConfirmUpdate,
    DescribeUpdates,
    GoBack,
    InstallUpdate,
    RestartIntoUpdate,
    SetUpdatePolicy,
    UpdateRequest,
    UpdateSource,
)
from atre.ipc.update_replies import UpdateOverview, UpdatePolicy

# The service that writes slots is asked for them, and a disk may be asleep.
_TIMEOUT_S = 30.0


class UpdateClient:
    """Asks ``atred`` about updates. Cheap to make, safe to share between threads.

    Every method raises UpdateError for what cannot be done, and EngineUnavailableError while the
    daemon is down. Work goes on after the reply: ``describe`` shows how far it is.
    """

    def __init__(self, socket_path: Path) -> None:
        self._peer = Peer(socket_path, "management daemon", "service d’administration")

    def answer(self, request: UpdateRequest) -> UpdateOverview:
        """The reply to any of the requests."""
        return self._peer.ask(request, UpdateOverview, timeout_s=_TIMEOUT_S)

    def describe(self) -> UpdateOverview:
        return self.answer(DescribeUpdates())

    def check(self, source: UpdateSource) -> UpdateOverview:
        """Begin to look; the job ends with an offer."""
        return self.answer(CheckUpdate(source=source))

    def install(self, source: UpdateSource, *, at_hour: bool = False) -> UpdateOverview:
        return self.answer(InstallUpdate(source=source, at_hour=at_hour))

    def cancel(self) -> UpdateOverview:
        return self.answer(CancelUpdate())

    def restart(self) -> UpdateOverview:
        """The box starts anew once its running answers ended."""
        return self.answer(RestartIntoUpdate())

    def confirm(self) -> UpdateOverview:
        return self.answer(ConfirmUpdate())

    def go_back(self) -> UpdateOverview:
        """The box starts anew right after the reply."""
        return self.answer(GoBack())

    def set_policy(self, policy: UpdatePolicy) -> UpdateOverview:
        return self.answer(SetUpdatePolicy(policy=policy))
