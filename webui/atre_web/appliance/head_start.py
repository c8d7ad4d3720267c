# SPDX-License-Identifier: Apache-2.0
"""The answer that tells of the new address leaves by the old one, so it goes first."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

from atre.errors import AtreError
from atre.ipc.appliance_messages import Appliance, NetworkSettings
from atre.sentence import Sentence

HEAD_STARTS = "atre.head_start"
# A page of a few kilobytes on any office's Wi-Fi.
_HEAD_START_S = 1.5

Change = Callable[[NetworkSettings], Appliance]
StartTimer = Callable[[float, Callable[[], None]], None]


def start_timer(delay_s: float, call: Callable[[], None]) -> None:
    """Call it in a thread after so long."""
    timer = threading.Timer(delay_s, call)
    timer.daemon = True
    timer.start()


@dataclass(frozen=True, slots=True)
class _Begun:
    link: str
    change_id: str = ""


class HeadStart:
    """Has one change of the address made after its page has left. Safe between threads.

    In memory alone: a panel that starts anew confirms nothing, and the box takes the change back.
    """

    def __init__(self, timer: StartTimer = start_timer) -> None:
        self._timer = timer
        self._lock = threading.Lock()
        self._begun: _Begun | None = None
        self._problem: Sentence | None = None

    def begin(self, settings: NetworkSettings, change: Change) -> str:
        """Begin, and return the secret part of the link that confirms it."""
        link = secrets.token_urlsafe(16)
        with self._lock:
            self._begun, self._problem = _Begun(link), None
        self._timer(_HEAD_START_S, lambda: self._change(link, settings, change))
        return link

    def is_waiting(self) -> bool:
        """Whether a change is about to be made."""
        with self._lock:
            return self._begun is not None and not self._begun.change_id

    def change_id(self, link: str) -> str:
        """What the box calls the change of this link; a link of the box's own is that already."""
        with self._lock:
            begun = self._begun
        return begun.change_id if begun and begun.link == link else link

    def problem(self) -> Sentence | None:
        """Why the last one was not made, after it was told that it would be."""
        with self._lock:
            return self._problem

    def _change(self, link: str, settings: NetworkSettings, change: Change) -> None:
        problem, change_id = None, ""
        try:
            made = change(settings).network.change
            change_id = made.id if made else ""
        except AtreError as error:
            problem = error.sentence
        with self._lock:
            self._begun = _Begun(link, change_id) if change_id else None
            self._problem = problem
