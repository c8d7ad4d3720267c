# SPDX-License-Identifier: Apache-2.0
import contextlib
import logging
import threading
import time
from collections.abc import Callable

from atre.errors import ClosedReason, EngineUnavailableError
from atre.ipc.intake import RENEWAL_S, Intake
from atre.ipc.power_messages import Supply
from atre.power.ups.watch import Heard

_log = logging.getLogger(__name__)

_REASONS = {
    Supply.BATTERY: ClosedReason.ON_BATTERY,
    Supply.ENDING: ClosedReason.BATTERY_LOW,
}
_RETRY_AFTER_S = 60


class UpsGuard:
    """Closes the intake while the box runs on battery, and opens it when the mains are back.

    ``ENDING`` is not taken back while the mains are away: a UPS that recovers a percent when the
    load drops must not start the engine again. ``heard`` is the UPS's last word.
    """

    def __init__(
        self,
        intake: Intake,
        on_change: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_change`` is called after the intake closed, opened or got another reason.

        It may raise EngineUnavailableError where nobody listens: the box looks by itself, too.
        """
        self._intake = intake
        self._on_change = on_change
        self._clock = clock
        self._lock = threading.Lock()
        self._reason: ClosedReason | None = None
        self._renewed_s = float("-inf")
        self.heard = Heard()

    def hear(self, heard: Heard) -> None:
        """Act on a word of the UPS; called from its watch's thread."""
        with self._lock:
            self.heard = heard
            wanted = _REASONS.get(heard.supply)
            is_away = wanted is not None or heard.supply is Supply.UNKNOWN
            if self._reason is ClosedReason.BATTERY_LOW and is_away:
                wanted = ClosedReason.BATTERY_LOW
            self._want(wanted)

    def forget(self) -> None:
        """There is no UPS any more: nothing holds the intake."""
        with self._lock:
            self.heard = Heard()
            self._want(None)

    def _want(self, wanted: ClosedReason | None) -> None:
        has_changed = wanted is not self._reason
        if not has_changed and (not wanted or self._clock() - self._renewed_s < RENEWAL_S):
            return
        try:
            if wanted:
                self._intake.close(wanted, retry_after_s=_RETRY_AFTER_S)
            else:
                self._intake.open()
        except OSError as error:
            # Tried again at the next word of the UPS, two seconds from now.
            _log.error("the intake cannot be %s: %s", "closed" if wanted else "opened", error)
            return
        self._reason, self._renewed_s = wanted, self._clock()
        if has_changed:
            with contextlib.suppress(EngineUnavailableError):
                self._on_change()
