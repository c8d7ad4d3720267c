# SPDX-License-Identifier: Apache-2.0
"""What backups ask of the list of targets, which ``atre.media`` keeps."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from atre.ipc.media_messages import TargetReport, TargetState
from atre.ipc.media_messages import Targets as TargetList
from atre.media.open_target import OpenTarget

READY = frozenset({TargetState.READY, TargetState.IN_USE})


class Targets(Protocol):
    """The targets of the box."""

    def describe(self) -> TargetList:
        """What there is now; nothing is mounted for that."""
        ...

    def hold(self, target_id: str, *, is_read: bool = False) -> AbstractContextManager[OpenTarget]:
        """Use one; it is marked as in use within the block.

        ``is_read`` takes one that is full or read-only too. Raises MediaError if it is not ready,
        and NotFoundError.
        """
        ...


def ready(reports: Mapping[str, TargetReport]) -> list[str]:
    """The ids of those that a backup can go to now."""
    return [target_id for target_id, each in reports.items() if each.state in READY]
