# SPDX-License-Identifier: Apache-2.0
"""The answers that this process is writing, and how those of any process are watched and ended."""

import atexit
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from flask import Flask, current_app

from atre_web.accounts.database import transaction
from atre_web.chat import messages
from atre_web.chat.live import BoxStoppingError, Live
from atre_web.chat.messages import LOST_S

_EXTENSION = "atre.chat"
_LAST_WORDS_S = 2.0


class Desk:
    """Knows the answers that are written here. For any thread."""

    def __init__(
        self, database: Path, clock: Callable[[], float], uptime: Callable[[], float]
    ) -> None:
        self.database = database
        self.clock = clock
        self.uptime = uptime
        self._lock = threading.Lock()
        self._live: dict[int, Live] = {}

    def open(self, answer_id: int) -> Live:
        """Begin an answer here."""
        with self._lock:
            return self._live.setdefault(answer_id, Live(answer_id))

    def close(self, live: Live) -> None:
        """It is written: watchers read the database from now on."""
        with self._lock:
            self._live.pop(live.answer_id, None)
        live.end()
        live.stop.close()

    def find(self, answer_id: int) -> Live | None:
        """An answer that is being written here."""
        with self._lock:
            return self._live.get(answer_id)

    def stop(self, connection: sqlite3.Connection, answer_id: int) -> None:
        """End an answer wherever it is written; in another process within a second or so."""
        messages.want_stop(connection, answer_id)
        live = self.find(answer_id)
        if live is not None:
            live.stop.set()

    def end_all(self) -> None:
        """This process ends: keep what there is of every answer."""
        with self._lock:
            open_answers = list(self._live.values())
        for live in open_answers:
            live.stop.set(BoxStoppingError)
        for live in open_answers:
            live.ended(timeout_s=_LAST_WORDS_S)

    def tidy(self, connection: sqlite3.Connection, answer_id: int) -> None:
        """Give up an answer whose process is gone."""
        if self.find(answer_id) is None and messages.is_lost(
            connection, answer_id, uptime=self.uptime()
        ):
            with transaction(connection):
                messages.interrupt(connection, unless_beaten_since=self.uptime() - LOST_S)


def install(app: Flask, desk: Desk) -> None:
    """Let ``desk`` find it, and let no answer be lost when this process ends."""
    app.extensions[_EXTENSION] = desk
    atexit.register(desk.end_all)


def desk() -> Desk:
    """The desk of the application that serves this request."""
    found: Desk = current_app.extensions[_EXTENSION]
    return found
