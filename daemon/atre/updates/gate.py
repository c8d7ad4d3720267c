# SPDX-License-Identifier: Apache-2.0
"""``atre update confirm --wait``: keeps the version on trial, or gives it up in time."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from atre.errors import UpdateError
from atre.ipc.update_replies import Check
from atre.sentence import Sentence
from atre.system.slot import Started
from atre.updates.installer import Installer
from atre.updates.record import Passed, Sickness, UpdateRecord
from atre.updates.release_rule import NBSP
from atre.updates.trial import DEADLINE_S, Health, Probe, Verdict, decide, examine

_log = logging.getLogger(__name__)

_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """``up`` counts from the start of the machine, ``wall`` since 1970."""

    up: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


class HealthGate:
    """Asks until everything passes or the deadline has come."""

    def __init__(
        self,
        started: Started,
        version: str,
        installer: Installer,
        record: UpdateRecord,
        *,
        log: Callable[[], str],
        clocks: Clocks | None = None,
    ) -> None:
        self._started = started
        self._version = version
        self._installer = installer
        self._record = record
        self._log = log
        self._clocks = clocks or Clocks()

    def run(self, probes: Mapping[Check, Probe], deadline_s: float = DEADLINE_S) -> Verdict:
        """KEEP once the slot is good; GIVE_UP once it is written down why.

        The slot is given up then, and the machine is to start anew.
        """
        while True:
            health = examine(probes)
            verdict = decide(health, self._clocks.up(), deadline_s)
            if verdict is Verdict.KEEP:
                if self._kept():
                    return verdict
                verdict = decide(_UNSAID, self._clocks.up(), deadline_s)
                health = _UNSAID
            if verdict is Verdict.GIVE_UP:
                self._give_up(health)
                return verdict
            self._note(health)
            self._clocks.sleep(_PAUSE_S)

    def give_up_without_box(self) -> Verdict:
        """The box itself never began, so there was nobody to ask."""
        self._give_up(_NO_BOX)
        return Verdict.GIVE_UP

    def _kept(self) -> bool:
        try:
            self._installer.keep_running()
        except UpdateError as error:
            _log.warning("the slot cannot be kept: %s", error)
            return False
        return True

    def _note(self, health: Health) -> None:
        waits_for = health.waits_for or Sentence("", "")
        passed = Passed(
            trial_id=self._started.trial_id,
            passed=list(health.passed),
            text=waits_for.text,
            text_fr=waits_for.text_fr,
        )
        if self._record.passed() == passed:
            return
        _log.info("waiting: %s", waits_for.text)
        try:
            self._record.set_passed(passed)
        except OSError as error:
            _log.warning("cannot be noted: %s", error)

    def _give_up(self, health: Health) -> None:
        reason = health.waits_for or Sentence("", "")
        sickness = Sickness(
            version=self._version,
            slot=self._started.slot,
            at=self._clocks.wall(),
            failed=health.failed,
            text=f"The new version was not healthy in time: {reason.text}",
            text_fr=f"La nouvelle version n’était pas en ordre à temps{NBSP}: {reason.text_fr}",
            log=self._log(),
        )
        # Neither a full disk nor a dead service may keep the box in a sick slot: the loader has
        # counted this start, and counts the next.
        try:
            self._record.set_sickness(sickness)
        except OSError as error:
            _log.warning("the reason cannot be kept: %s", error)
        try:
            self._installer.give_up(self._started.slot)
        except UpdateError as error:
            _log.warning("the slot cannot be given up: %s", error)


_UNSAID = Health(
    tuple(Check),
    None,
    Sentence(
        "everything passed, but the boot files could not be written.",
        "tout était en ordre, mais les fichiers de démarrage n’ont pas pu être écrits.",
    ),
)
_NO_BOX = Health(
    (),
    Check.DATA,
    Sentence("the box did not begin to start.", "le boîtier n’a pas commencé à démarrer."),
)
