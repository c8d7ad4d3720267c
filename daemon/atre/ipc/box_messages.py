# SPDX-License-Identifier: Apache-2.0
"""What managers ask of the box itself on ``atred.sock``.

``SetDiscovery``, ``SetSleep`` or ``RestartEngine`` → ``BoxDescription``; ``MakeSupportBundle`` →
``SupportBundle``; or ``Failed``.
"""

from atre.ipc.message import Message
from atre.ipc.presence import SleepTimes


class SetDiscovery(Message, frozen=True):
    """Announce the box on the LAN, or keep silent, until the next such message."""

    announced: bool


class SetSleep(Message, frozen=True):
    """Let the model sleep by these times from now on; None lets the start's options count."""

    times: SleepTimes | None


class RestartEngine(Message, frozen=True):
    """End the engine and start it again with the same model; answers in progress are cut."""


class MakeSupportBundle(Message, frozen=True):
    """Ask for what a helper needs to understand the box, without what identifies anybody."""


class SupportBundle(Message, frozen=True):
    """A .tar.gz; ``atre detect --root`` reads it too."""

    archive: bytes


BoxRequest = SetDiscovery | SetSleep | RestartEngine | MakeSupportBundle
