# SPDX-License-Identifier: Apache-2.0
import logging

from atre.errors import ClosedReason
from atre.intake import RENEWAL_S, Intake
from atre.power.ups.supply import Supply
from atre.power.ups.watch import Heard

_log = logging.getLogger(__name__)

_REASONS = {
    Supply.BATTERY: ClosedReason.ON_BATTERY,
    Supply.ENDING: ClosedReason.BATTERY_LOW,
}
_RETRY_AFTER_S = 60


class IntakeRule:
    """Closes the intake while the box runs on battery, and opens it when the mains are back.

    ``ENDING`` is not taken back while the mains are away: a UPS that recovers a percent when the
    load drops must not start the engine again.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._reason: ClosedReason | None = None
        self._renewed_s = float("-inf")

    def apply(self, heard: Heard, now_s: float) -> bool:
        """Act on what was heard; True if the reason changed."""
        wanted = _REASONS.get(heard.supply)
        is_away = wanted is not None or heard.supply is Supply.UNKNOWN
        if self._reason is ClosedReason.BATTERY_LOW and is_away:
            wanted = ClosedReason.BATTERY_LOW
        has_changed = wanted is not self._reason
        if has_changed or (wanted and now_s - self._renewed_s >= RENEWAL_S):
            self._set(wanted, now_s)
        return has_changed

    def _set(self, wanted: ClosedReason | None, now_s: float) -> None:
        try:
            if wanted:
                self._intake.close(wanted, retry_after_s=_RETRY_AFTER_S)
            else:
                self._intake.open()
        except OSError as error:
            # Tried again at the next word of the UPS, two seconds from now.
            _log.error("the intake cannot be %s: %s", "closed" if wanted else "opened", error)
            return
        self._reason, self._renewed_s = wanted, now_s
