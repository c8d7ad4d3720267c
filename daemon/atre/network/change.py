# SPDX-License-Identifier: Apache-2.0
"""A change of the box's address: tried for 30 seconds, kept if somebody says so in time."""

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from atre.errors import ConflictError, StorageError
from atre.ipc.appliance_messages import NetworkChange, NetworkSettings, NetworkState
from atre.network import record
from atre.network.link import Link
from atre.network.record import Trial
from atre.network.settings import check, network_file
from atre.sentence import Sentence

TRIAL_S = 30.0

_log = logging.getLogger(__name__)

_NOT_OURS = Sentence(
    "This machine's network is not the box's to change: its administrator sets the address.",
    "Le réseau de cette machine ne relève pas du boîtier : son administrateur règle l’adresse.",
)
_NOBODY_CONFIRMED = Sentence(
    "Nobody confirmed the new address in time: the one before is back.",
    "Personne n’a confirmé la nouvelle adresse à temps : la précédente est revenue.",
)
_RESTARTED = Sentence(
    "The box restarted before the new address was confirmed: the one before is back.",
    "Le boîtier a redémarré avant la confirmation de la nouvelle adresse : la précédente est "
    "revenue.",
)

StartTimer = Callable[[float, Callable[[], None]], Callable[[], None]]


def start_timer(delay_s: float, call: Callable[[], None]) -> Callable[[], None]:
    """Call it in a thread after so long; returns what calls that off."""
    timer = threading.Timer(delay_s, call)
    timer.daemon = True
    timer.start()
    return timer.cancel


class NetworkTrial:
    """Changes settings on trial; safe to call from several threads."""

    def __init__(
        self,
        state_dir: Path,
        link: Link,
        *,
        timer: StartTimer = start_timer,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._state_dir, self._link = state_dir, link
        self._timer, self._clock, self._now = timer, clock, now
        self._lock = threading.Lock()
        self._call_off: Callable[[], None] = lambda: None
        self._ends_s = 0.0
        self._record = record.read(state_dir)

    def start(self) -> None:
        """Take back a trial that another life of this daemon began, and what a reset forgot."""
        with self._lock:
            if self._record.trial is not None:
                self._take_back(_RESTARTED)
            elif self._link.is_ours():
                self._follow_record()

    def close(self) -> None:
        self._call_off()

    def state(self) -> NetworkState:
        with self._lock:
            return NetworkState(
                settings=self._record.confirmed,
                change=self._change(),
                interfaces=self._link.interfaces(),
                refusal=None if self._link.is_ours() else _NOT_OURS,
                last_revert=self._record.last_revert,
            )

    def change(self, settings: NetworkSettings) -> None:
        """Use these settings for 30 seconds.

        Raises InvalidRequestError for settings that make no sense, ConflictError while others are
        on trial or where the network is not ours, StorageError.
        """
        check(settings)
        with self._lock:
            if not self._link.is_ours():
                raise ConflictError(_NOT_OURS.text, _NOT_OURS.text_fr)
            if self._record.trial is not None:
                raise ConflictError(
                    "Another address is being tried. Confirm it or take it back first.",
                    "Une autre adresse est à l’essai. Confirmez-la ou annulez-la d’abord.",
                )
            trial = Trial(id=secrets.token_urlsafe(9), settings=settings)
            before = self._record
            self._write(replace(before, trial=trial, last_revert=None))
            # Armed before anything changes: what comes next may cut everybody off, or hang.
            self._ends_s = self._clock() + TRIAL_S
            self._call_off = self._timer(TRIAL_S, lambda: self._run_out(trial.id))
            try:
                self._link.use(network_file(settings))
            except OSError as error:
                self._take_back(
                    Sentence(
                        f"The network did not take the settings ({error}).",
                        f"Le réseau n’a pas pris ces réglages ({error}).",
                    )
                )
                raise StorageError(
                    f"The network did not take these settings ({error}); it is as before.",
                    f"Le réseau n’a pas pris ces réglages ({error}) ; il est comme avant.",
                ) from error

    def confirm(self, change_id: str) -> None:
        """Keep what is on trial. Raises ConflictError if that is not what is, StorageError."""
        with self._lock:
            trial = self._record.trial
            if trial is None or trial.id != change_id:
                raise ConflictError(
                    "This address is no longer being tried: the one before is back.",
                    "Cette adresse n’est plus à l’essai : la précédente est revenue.",
                )
            self._write(replace(self._record, confirmed=trial.settings, trial=None))
            self._call_off()

    def take_back(self) -> None:
        """Return to what was confirmed; nothing happens without a trial."""
        with self._lock:
            if self._record.trial is not None:
                self._take_back(None)

    def _follow_record(self) -> None:
        wanted = network_file(self._record.confirmed)
        try:
            if self._link.in_force() != wanted:
                self._link.use(wanted)
        except OSError:
            _log.exception("the address cannot be set; a restart of the machine does it")

    def _run_out(self, trial_id: str) -> None:
        with self._lock:
            trial = self._record.trial
            if trial is not None and trial.id == trial_id:
                self._take_back(_NOBODY_CONFIRMED)

    def _take_back(self, why: Sentence | None) -> None:
        self._call_off()
        try:
            self._link.use(network_file(self._record.confirmed))
        except OSError:
            _log.exception("the address before cannot be set; a restart of the machine does it")
        taken_back = replace(self._record, trial=None, last_revert=why)
        # On a full disk the next start takes back what is taken back already.
        with contextlib.suppress(StorageError):
            self._write(taken_back)
        self._record = taken_back

    def _change(self) -> NetworkChange | None:
        trial = self._record.trial
        if trial is None:
            return None
        left_s = max(0.0, self._ends_s - self._clock())
        return NetworkChange(
            id=trial.id,
            settings=trial.settings,
            ends_at=self._now() + left_s,
            seconds_left=left_s,
        )

    def _write(self, changed: record.Record) -> None:
        try:
            record.write(self._state_dir, changed)
        except OSError as error:
            raise StorageError(
                f"The address cannot be kept ({error}). Free some disk space.",
                f"L’adresse ne peut pas être gardée ({error}). Libérez de la place sur le disque.",
            ) from error
        self._record = changed
