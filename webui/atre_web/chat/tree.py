# SPDX-License-Identifier: Apache-2.0
"""The messages of one conversation as a tree; pure. A branch is the way from a root to a tip."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands among those that answer the same one: ``number`` of ``count``."""

    number: int
    count: int
    previous: int | None
    next: int | None


class Tree:
    """Who follows whom, from (id, parent) pairs. A root's parent is None.

    Ids grow with time: a parent that is not older, or not here, makes a root, so no way is endless.
    """

    def __init__(self, pairs: Iterable[tuple[int, int | None]]) -> None:
        given = dict(sorted(pairs, key=lambda pair: pair[0]))
        self._parents = {
            message: parent if parent in given and (parent or 0) < message else None
            for message, parent in given.items()
        }
        self._children: dict[int | None, list[int]] = {}
        for message, parent in self._parents.items():
            self._children.setdefault(parent, []).append(message)

    def __contains__(self, message: int) -> bool:
        return message in self._parents

    def everything(self) -> list[int]:
        """Every message, oldest first."""
        return list(self._parents)

    def parent(self, message: int) -> int | None:
        """The message before this one."""
        return self._parents[message]

    def branch(self, tip: int | None) -> list[int]:
        """From the root to ``tip``; to the newest message there is where ``tip`` is not here."""
        at = tip if tip in self._parents else self.newest_tip(None)
        found: list[int] = []
        while at is not None:
            found.append(at)
            at = self._parents[at]
        return found[::-1]

    def newest_tip(self, message: int | None) -> int | None:
        """The end of the branch that goes on from a message by its newest children."""
        at = message
        while children := self._children.get(at):
            at = children[-1]
        return at

    def place(self, message: int) -> Place:
        """Its place among its siblings, oldest first."""
        siblings = self._children[self._parents[message]]
        index = siblings.index(message)
        return Place(
            number=index + 1,
            count=len(siblings),
            previous=siblings[index - 1] if index else None,
            next=siblings[index + 1] if index + 1 < len(siblings) else None,
        )
