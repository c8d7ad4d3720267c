# SPDX-License-Identifier: Apache-2.0
"""What crosses ``atred.sock`` about updates of the box itself: fixed verbs, one reply each.

``DescribeUpdates`` and every other verb here → ``UpdateOverview``, or ``Failed`` of the kind
``UpdateError``. Long work, which are checks, fetching and installing, goes on after the reply: its
progress is ``UpdateOverview.job``. Times are in seconds since 1970.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from atre.ipc.message import Message
from atre.ipc.update_replies import UpdatePolicy


class SourceKind(StrEnum):
    """Where a bundle comes from."""

    CHANNEL = "channel"
    USB = "usb"
    FILE = "file"
    URL = "url"


class UpdateSource(Message, frozen=True):
    """A place with a bundle.

    ``location``: of FILE, the absolute path of a bundle on the box, which
    ``atre.ipc.update_uploads`` makes for the panel; of URL, the address of a bundle; of USB, the
    folder of one mounted disk or "" for the newest bundle on any; of CHANNEL, always "".
    """

    kind: SourceKind
    location: Annotated[str, Meta(max_length=4000)] = ""


class DescribeUpdates(Message, frozen=True):
    """Ask for everything; answered at once, from what is known."""


class CheckUpdate(Message, frozen=True):
    """Look what is there, and whether it may be installed: ``UpdateOverview.offer``.

    Of CHANNEL and URL this is a request over the network, which is made for this verb alone, and
    for the policy's own checks if somebody turned them on.
    """

    source: UpdateSource


class InstallUpdate(Message, frozen=True):
    """Check, back up, fetch and write to the other slot.

    With ``at_hour`` the box starts anew at the policy's hour, else right after it is written,
    either way once the running answers ended.
    """

    source: UpdateSource
    at_hour: bool = False


class CancelUpdate(Message, frozen=True):
    """End the job, unless the slot is being written, or give up the restart that waits."""


class RestartIntoUpdate(Message, frozen=True):
    """Start the slot that was written now, and not at the hour."""


class ConfirmUpdate(Message, frozen=True):
    """Keep the running version without the health check's own word: a person's decision."""


class GoBack(Message, frozen=True):
    """Start the previous version anew, which ``UpdateOverview.go_back`` says is there."""


class SetUpdatePolicy(Message, frozen=True):
    """Replace the policy."""

    policy: UpdatePolicy


UpdateRequest = (
    DescribeUpdates
    | CheckUpdate
    | InstallUpdate
    | CancelUpdate
    | RestartIntoUpdate
    | ConfirmUpdate
    | GoBack
    | SetUpdatePolicy
)
