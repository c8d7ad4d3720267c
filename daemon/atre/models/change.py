# SPDX-License-Identifier: Apache-2.0
"""Changing the model of a running box, as a machine of states without any process in it.

::

    DRAINING ─► LOADING ─► TRYING ─► DONE
                   └─────────┴─► RETURNING ─► FAILED   (the model before answers again)

One engine at a time: a box that fits one model rarely fits two. From DRAINING to TRYING new
requests are told to come back; those that were being answered are answered to the end.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from atre.ipc.model_messages import Phase
from atre.sentence import NOTHING, Sentence

_POLL_S = 0.25
# Between being read and being counted a request is invisible for a moment: ask twice.
_QUIET_POLLS = 2
_MAX_DRAIN_S = 300.0  # then the answers that are left end as they do when an engine is lost
_MAX_LOAD_S = 900.0  # 20 GB from a USB disk take minutes, and so may a race of the devices
_MAX_TRY_S = 180.0

_NOT_LOADED = Sentence(
    f"it was not loaded within {_MAX_LOAD_S:.0f} seconds",
    f"il n’était pas chargé au bout de {_MAX_LOAD_S:.0f} secondes",
)
_WROTE_NOTHING = Sentence(
    f"it wrote nothing within {_MAX_TRY_S:.0f} seconds",
    f"il n’a rien écrit en {_MAX_TRY_S:.0f} secondes",
)


class ChangeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a person who waits for a change is told; ``num_open`` answers are being finished.

    ``failed_at`` is how far ``wanted`` got, None while nothing is wrong or if it was refused at
    once. ``loaded`` is the model that answers once the change has ended.
    """

    request_id: str
    wanted: str
    phase: Phase
    reason: Sentence = NOTHING
    num_open: int = 0
    failed_at: Phase | None = None
    loaded: str = ""


class Seat(Protocol):
    """The place of the one engine. Nothing here may block for longer than a process takes to end.

    ``load`` begins to put an engine with the named model there instead of what was.
    ``load_failure`` is why that will not work, None while it may; ``outcome`` is None while it is
    not known whether the model writes a token, ``NOTHING`` if it did, or why it did not.
    """

    def close_door(self) -> None: ...

    def num_open(self) -> int: ...

    def load(self, model: str) -> None: ...

    def load_failure(self) -> Sentence | None: ...

    def is_loaded(self) -> bool: ...

    def ask_for_a_token(self) -> None: ...

    def outcome(self) -> Sentence | None: ...


class ModelChange:
    """One change from ``previous`` to ``wanted``; ``tick`` until it says that it ended."""

    def __init__(
        self,
        seat: Seat,
        *,
        request_id: str,
        wanted: str,
        fallbacks: tuple[str, ...],
        note: Callable[[ChangeStatus], None],
        now_s: float,
    ) -> None:
        """``fallbacks`` are loaded in turn if ``wanted`` does not work."""
        self._seat = seat
        self._request_id = request_id
        self.wanted = wanted
        self.loaded = wanted
        self._fallbacks = list(fallbacks)
        self._note = note
        self._reason = NOTHING
        self._failed_at: Phase | None = None
        self._quiet_polls = 0
        self.phase = Phase.DRAINING
        self._since_s = now_s
        seat.close_door()
        self._tell()

    @property
    def has_ended(self) -> bool:
        return self.phase in (Phase.DONE, Phase.FAILED)

    def tick(self, now_s: float) -> float | None:
        """Go as far as possible now; when to come again, in seconds, None once it ended."""
        if self.phase is Phase.DRAINING:
            self._drain(now_s)
        elif self.phase is Phase.LOADING:
            self._await_load(now_s)
        elif self.phase is Phase.TRYING:
            self._await_token(now_s)
        elif self.phase is Phase.RETURNING:
            self._await_return(now_s)
        return None if self.has_ended else _POLL_S

    def _drain(self, now_s: float) -> None:
        num_open = self._seat.num_open()
        self._quiet_polls = 0 if num_open else self._quiet_polls + 1
        if self._quiet_polls < _QUIET_POLLS and now_s - self._since_s < _MAX_DRAIN_S:
            self._tell(num_open)
            return
        self._enter(Phase.LOADING, now_s)
        self._seat.load(self.wanted)

    def _await_load(self, now_s: float) -> None:
        if reason := self._seat.load_failure():
            self._go_back(reason, now_s)
        elif self._seat.is_loaded():
            self._enter(Phase.TRYING, now_s)
            self._seat.ask_for_a_token()
        elif now_s - self._since_s > _MAX_LOAD_S:
            self._go_back(_NOT_LOADED, now_s)

    def _await_token(self, now_s: float) -> None:
        outcome = self._seat.outcome()
        if outcome == NOTHING:
            self._enter(Phase.DONE, now_s)
        elif outcome is not None:
            self._go_back(outcome, now_s)
        elif reason := self._seat.load_failure():
            self._go_back(reason, now_s)
        elif now_s - self._since_s > _MAX_TRY_S:
            self._go_back(_WROTE_NOTHING, now_s)

    def _await_return(self, now_s: float) -> None:
        if self._seat.is_loaded():
            self._enter(Phase.FAILED, now_s)
        elif self._seat.load_failure() or now_s - self._since_s > _MAX_LOAD_S:
            self._load_fallback(now_s)

    def _go_back(self, reason: Sentence, now_s: float) -> None:
        self._reason = reason
        self._failed_at = self.phase
        self._load_fallback(now_s)

    def _load_fallback(self, now_s: float) -> None:
        if not self._fallbacks:
            self._enter(Phase.FAILED, now_s)
            return
        self.loaded = self._fallbacks.pop(0)
        self._enter(Phase.RETURNING, now_s)
        self._seat.load(self.loaded)

    def _enter(self, phase: Phase, now_s: float) -> None:
        self.phase = phase
        self._since_s = now_s
        self._tell()

    def _tell(self, num_open: int = 0) -> None:
        self._note(
            ChangeStatus(
                request_id=self._request_id,
                wanted=self.wanted,
                phase=self.phase,
                reason=self._reason,
                num_open=num_open,
                failed_at=self._failed_at,
                loaded=self.loaded,
            )
        )
