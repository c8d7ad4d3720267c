# SPDX-License-Identifier: Apache-2.0
"""What happens to backups by itself: the daily one, the drill, and a restored box's models."""

import contextlib
import datetime as dt
import logging
import threading
from collections.abc import Callable

from atre.atred.backup_verbs import BackupVerbs
from atre.atred.model_verbs import ModelVerbs
from atre.backup.models_wanted import address_of, forget_wanted, lacking, read_wanted
from atre.backup.overview import newest_at, next_at
from atre.backup.policy import read_policy
from atre.backup.record import TargetRecord, read_record
from atre.backup.schedule import is_believable, is_drill_due
from atre.backup.swap import state_of
from atre.errors import AtreError
from atre.ipc.backup_messages import BackupReason, CreateBackup, DrillBackup
from atre.ipc.backup_replies import JobState, RestorePhase
from atre.ipc.model_messages import ChangeModel, PullModel
from atre.models.catalogue import load_catalogue

_log = logging.getLogger(__name__)

_LOOK_S = 60.0
# A model that cannot be had now, for want of a line, may be had later.
_FETCH_AGAIN_S = 3600.0
# One that failed is told; a damaged disk is not read to its end all day.
_DRILL_AGAIN = dt.timedelta(days=1)


class BackupCalendar:
    """A thread that looks once a minute at what is due; jobs themselves are the verbs'."""

    def __init__(self, backups: BackupVerbs, models: ModelVerbs) -> None:
        self._backups = backups
        self._models = models
        self._stop = threading.Event()
        self._looks_until_fetch = 0
        self._drill_tried_at: dict[str, dt.datetime] = {}
        self._thread = threading.Thread(target=self._run, name="backup-calendar")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_S):
            for look in (self.look_at_clock, self.look_for_models):
                with contextlib.suppress(OSError):
                    _logged(look)

    def look_at_clock(self) -> None:
        """Begin the backup or the drill that is due, if nothing runs. Raises AtreError."""
        verbs = self._backups
        job = verbs.jobs.report()
        if job is not None and job.state is JobState.RUNNING:
            return
        present = verbs.ready()
        place, now = verbs.place, verbs.now()
        policy, record = read_policy(place.state_dir), read_record(place.state_dir)
        wanted = [each for each in present if policy.targets is None or each in policy.targets]
        if not wanted or state_of(place) is not None:
            return
        due = next_at(policy, record, now, verbs.tried_at)
        if due is not None and due <= now.timestamp():
            # Of several disks the one that waited longest, which turns two disks by itself.
            target = min(wanted, key=lambda each: _last(record.targets.get(each)))
            verbs.note_try()
            verbs.answer(CreateBackup(target=target, reason=BackupReason.SCHEDULED))
            return
        if not policy.is_on or not is_believable(now, newest_at(record)):
            return
        for each in wanted:
            known = record.targets.get(each, TargetRecord())
            last = known.last_drill.ended_at if known.last_drill else None
            tried_at = self._drill_tried_at.get(each)
            if tried_at is not None and now - tried_at < _DRILL_AGAIN:
                continue
            if known.last_backup_at and is_drill_due(now, policy.drill_every_days, last):
                self._drill_tried_at[each] = now
                verbs.answer(DrillBackup(target=each))
                return

    def look_for_models(self) -> None:
        """Fetch the next model that a restored box had. Raises AtreError."""
        state_dir, store = self._backups.place.state_dir, self._backups.place.store
        wanted = read_wanted(state_dir)
        state = state_of(self._backups.place)
        if not wanted.models or (state is not None and state.phase is not RestorePhase.APPLIED):
            return
        left = lacking(wanted.models, store)
        if not left:
            if wanted.chosen and store.chosen() != wanted.chosen:
                self._models.answer(ChangeModel(model=wanted.chosen))
            forget_wanted(state_dir)
            return
        if self._looks_until_fetch > 0:
            self._looks_until_fetch -= 1
            return
        catalogue = {model.id for model in load_catalogue().models}
        asked = [m.name if m.name in catalogue else address_of(m) for m in left]
        first = next((each for each in asked if each is not None), None)
        if first is not None:
            self._looks_until_fetch = round(_FETCH_AGAIN_S / _LOOK_S)
            self._models.answer(PullModel(model=first))


def _last(known: TargetRecord | None) -> float:
    return (known.last_backup_at if known else None) or 0.0


def _logged(look: Callable[[], None]) -> None:
    try:
        look()
    except AtreError as error:
        _log.warning("%s", error)
