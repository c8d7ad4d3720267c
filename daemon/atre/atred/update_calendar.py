# SPDX-License-Identifier: Apache-2.0
"""What happens to updates by themselves: a look a day, an install at the hour, if turned on."""

import contextlib
import datetime as dt
import logging
import threading

from atre.atred.update_verbs import UpdateVerbs
from atre.errors import AtreError, UpdateError, UpdateProblem
from atre.ipc.update_messages import CheckUpdate, InstallUpdate, SourceKind, UpdateSource
from atre.system.local_time import local_now
from atre.updates.schedule import is_install_due, is_look_due

_log = logging.getLogger(__name__)

_LOOK_S = 60.0
_CHANNEL = UpdateSource(kind=SourceKind.CHANNEL)
# A channel that does not answer is not asked again at once.
_ASK_AGAIN = dt.timedelta(hours=1)


class UpdateCalendar:
    """A thread that looks once a minute at what is due; jobs themselves are the verbs'.

    It ends by itself on a box that cannot update itself.
    """

    def __init__(self, verbs: UpdateVerbs) -> None:
        self._verbs = verbs
        self._stop = threading.Event()
        self._asked_at: dt.datetime | None = None
        self._tried_at: dt.datetime | None = None
        self._thread = threading.Thread(target=self._run, name="update-calendar")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look_at_clock(self, now: dt.datetime) -> None:
        """Begin what is due, if nothing runs. Raises AtreError."""
        verbs = self._verbs
        if verbs.jobs.is_running:
            return
        verbs.system()  # raises what ends this thread on a box without slots
        if verbs.is_unsettled:
            verbs.settle()
            verbs.resume()
        policy, offer = verbs.record.policy(), verbs.record.offer()
        if is_install_due(policy, offer, now, self._tried_at):
            self._tried_at = now
            verbs.answer(InstallUpdate(source=_CHANNEL))
        elif is_look_due(policy, offer, now) and not self._asked_lately(now):
            self._asked_at = now
            verbs.answer(CheckUpdate(source=_CHANNEL))

    def _asked_lately(self, now: dt.datetime) -> bool:
        return self._asked_at is not None and dt.timedelta(0) <= now - self._asked_at < _ASK_AGAIN

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_S):
            try:
                with contextlib.suppress(OSError):
                    self.look_at_clock(local_now())
            except UpdateError as error:
                if error.problem is UpdateProblem.ABSENT:
                    return
                _log.warning("%s", error)
            except AtreError as error:
                _log.warning("%s", error)
