# SPDX-License-Identifier: Apache-2.0
"""Keeps the screen true. The only thing that can be typed is the serial number, for a new word."""

import select
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

from atre.choices import claim_note
from atre.choices.owner_mark import waits_for_owner
from atre.config import default_runtime_dir
from atre.console.bench_words import words
from atre.console.screen import Facts, draw
from atre.disks.data_partition import data_problem
from atre.errors import AtreError
from atre.ipc.appliance_messages import PresenceMeans
from atre.ipc.client import ManagementClient
from atre.provision import bench
from atre.provision import record as provisioned
from atre.reset import factory, presence
from atre.reset.presence import Uptime
from atre.sentence import Sentence
from atre.stick import news

_LOOK_EVERY_S = 2.0
_MAX_LINE = 200


def facts(data_dir: Path, now: Uptime) -> Facts:
    """What is known now; a box that does not answer is starting."""
    state_dir, runtime_dir = data_dir / "state", default_runtime_dir(data_dir)
    setup = provisioned.read(state_dir)
    order = None if bench.has_owner(data_dir) else bench.read(data_dir)
    known = Facts(
        is_ready=False,
        serial=factory.serial(data_dir),
        language=setup.provision.office.language if setup else "",
        news=news.read(state_dir, now.boot_id),
        problem=data_problem(),
        bench=words(order, bench.progress(runtime_dir), now.boot_id) if order else None,
    )
    try:
        box = ManagementClient(runtime_dir / "atred.sock").describe()
    except AtreError:
        return known
    waits = waits_for_owner(state_dir)
    return replace(
        known,
        is_ready=True,
        name=box.mdns_name,
        # An address with a zone is reached from one port only; nobody can type it.
        addresses=tuple(each for each in box.addresses if "%" not in each),
        port=box.lan_port or 443,
        waits_for_owner=waits,
        code=claim_note.read(runtime_dir) if waits else None,
    )


class Console:
    """A terminal; ``look`` says what is known."""

    def __init__(
        self,
        data_dir: Path,
        screen: IO[str],
        look: Callable[[Path, Uptime], Facts] = facts,
        uptime: Callable[[], Uptime] = presence.uptime,
    ) -> None:
        self._data_dir, self._screen = data_dir, screen
        self._look, self._uptime = look, uptime
        self._word: str | None = None
        self._refusal: Sentence | None = None
        self._drawn = ""

    def run(self, keyboard: IO[bytes]) -> None:
        """Until the terminal is gone."""
        while True:
            self.refresh()
            if select.select([keyboard], [], [], _LOOK_EVERY_S)[0]:
                line = keyboard.readline(_MAX_LINE)
                if not line:
                    return
                self.type(line.decode("utf-8", "replace"))

    def refresh(self) -> None:
        """Draw what changed since the last time, if anything did."""
        now = self._uptime()
        found = self._look(self._data_dir, now)
        if self._word and presence.state(self._data_dir / "state", now, 0.0) is None:
            self._word = None  # used, or too old
        shown = replace(found, word=self._word, news=self._refusal or found.news)
        drawn = draw(shown)
        if drawn != self._drawn:
            self._drawn = drawn
            self._screen.write(drawn)
            self._screen.flush()

    def type(self, line: str) -> None:
        """The serial number makes a word that resets managers' sign-in; anything else nothing."""
        self._drawn = ""  # what was typed stands on the screen
        self._refusal = None
        if line.strip().casefold() != factory.serial(self._data_dir).casefold():
            return
        word = presence.new_word()
        try:
            state_dir = self._data_dir / "state"
            presence.open_window(state_dir, PresenceMeans.CONSOLE, word, self._uptime())
        except AtreError as error:
            self._refusal = error.sentence
        else:
            self._word = word
