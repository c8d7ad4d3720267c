# SPDX-License-Identifier: Apache-2.0
"""Unloading the model to save watts, and loading it at the next question, as states.

::

    AWAKE ─► LEAVING ─► ASLEEP ─► WAKING ─► AWAKE
      ▲─────────┘          ▲────────┘ (it does not load: those who wait are told why)

From LEAVING to WAKING the engine's address leads to the lobby, so no request is ever lost: one that
comes while the engine is about to go turns it back. But when the box must save itself it goes, and
stays away until that is over.
"""

import datetime as dt
import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from msgspec.structs import replace

from atre.choices.sleep_rules import SleepRules, should_be_loaded
from atre.ipc.messages import EngineDescription
from atre.ipc.presence import Activity
from atre.system.local_time import local_now

_log = logging.getLogger(__name__)

_LOOK_S = 60.0  # how late a period may begin or end
_POLL_S = 0.25
_REST_LOOK_S = 2.0  # a rest ends at any moment, and then people wait
_AT_LEAST_S = 0.01
# What found the engine's address before it led to the lobby is counted by the second look.
_QUIET_LOOKS = 2
# What runs when the box must save itself may end by itself for so many looks: five seconds.
_LAST_LOOKS = 20


class State(StrEnum):
    """Where the model is."""

    AWAKE = "awake"
    LEAVING = "leaving"
    ASLEEP = "asleep"
    WAKING = "waking"


class Seat(Protocol):
    """The engine's place. ``activity`` and ``describe`` are None while no model answers there.

    ``wake`` starts the engine with the plan that it had, ``reload`` with a new one;
    ``wake_failure`` is why that will not work or did not, None while it may.
    """

    def activity(self) -> Activity | None: ...

    def describe(self) -> EngineDescription | None: ...

    def lead_to_lobby(self) -> None: ...

    def lead_to_engine(self) -> None: ...

    def unload(self) -> None: ...

    def wake(self) -> None: ...

    def reload(self) -> None: ...

    def loaded_fraction(self) -> float: ...

    def wake_failure(self) -> str | None: ...

    def is_loaded(self) -> bool: ...


class Waiting(Protocol):
    """What the states need of the lobby."""

    @property
    def num_waiting(self) -> int: ...

    def take_over(self, description: EngineDescription) -> None: ...

    def wake(self, fraction: float) -> None: ...

    def refuse(self, reason: str) -> None: ...

    def hand_over(self) -> None: ...


class ModelSleep:
    """Puts the model to sleep and wakes it, by rules and by who asks."""

    def __init__(
        self, seat: Seat, lobby: Waiting, *, must_rest: Callable[[], bool] = lambda: False
    ) -> None:
        """Without rules, until ``follow``: the model stays, unless it ``must_rest``."""
        self._rules = self._chosen = SleepRules()
        self._is_eco: Callable[[], bool] = lambda: False
        self._clock: Callable[[], dt.datetime] = local_now
        self._seat = seat
        self._lobby = lobby
        self.state = State.AWAKE
        self._was_sleep_time = False
        self._quiet_looks = 0
        self._is_planned_anew = False
        self._must_rest = must_rest
        self._rests = False

    def follow(
        self,
        rules: SleepRules,
        *,
        clock: Callable[[], dt.datetime],
        is_eco: Callable[[], bool] = lambda: False,
    ) -> None:
        """Go by these rules from the next ``tick`` on, in the hours of ``clock``, with its zone.

        While ``is_eco`` an idle model leaves sooner.
        """
        self._chosen = rules
        self._clock = clock
        self._is_eco = is_eco

    def tick(self, *, is_changing: bool) -> float:
        """Go as far as possible now; when to come again, in seconds.

        ``is_changing`` says that another model is being loaded: who comes meanwhile is held, if
        the model slept, and the engine is left to that change.
        """
        now = self._clock()
        self._rules = self._chosen.in_eco() if self._is_eco() else self._chosen
        is_sleep_time = self._rules.is_sleep_time(now)
        wait_s = _POLL_S
        did_rest, self._rests = self._rests, self._must_rest()
        if self._rests:
            wait_s = self._rest(now)
        elif did_rest and self.state is State.ASLEEP:
            self._load()
        elif is_changing:
            self.state = State.AWAKE if self.state is State.AWAKE else State.WAKING
        elif self.state is State.AWAKE:
            wait_s = self._watch(is_sleep_time=is_sleep_time)
        elif self.state is State.LEAVING:
            self._leave(now)
        elif self.state is State.ASLEEP:
            wait_s = self._sleep(is_sleep_time=is_sleep_time)
        else:
            self._wake()
        self._was_sleep_time = is_sleep_time
        return wait_s

    def _watch(self, *, is_sleep_time: bool) -> float:
        if not self._rules:
            return _LOOK_S
        activity = self._seat.activity() if self._seat.is_loaded() else None
        if activity is None:
            return _LOOK_S
        if activity.num_open or self._should_be_loaded(
            is_sleep_time=is_sleep_time, idle_s=activity.idle_s
        ):
            limit_s = self._rules.idle_limit_s(is_sleep_time=is_sleep_time)
            left_s = _LOOK_S if limit_s is None else limit_s - activity.idle_s
            return max(_AT_LEAST_S, min(_LOOK_S, left_s))
        description = self._seat.describe()
        if description is None:  # no model is there, and nothing to unload
            return _LOOK_S
        self._lobby.take_over(description)
        self._seat.lead_to_lobby()
        self._quiet_looks = 0
        self.state = State.LEAVING
        return _POLL_S

    def _leave(self, now: dt.datetime) -> None:
        activity = self._seat.activity()
        if self._lobby.num_waiting or (activity and activity.num_open):
            self._open()
            return
        self._quiet_looks += 1
        if self._quiet_looks >= _QUIET_LOOKS:
            self._unload(now)

    def _unload(self, now: dt.datetime) -> None:
        description = self._seat.describe()
        if description is None:
            return
        self._lobby.take_over(
            replace(
                description,
                asleep_since=now.timestamp(),
                turns=[],
                decode_tokens_per_s=0.0,
                prefill_tokens_per_s=0.0,
            )
        )
        self._seat.unload()
        self.state = State.ASLEEP
        _log.info("%s sleeps; the next question wakes it.", description.model)

    def _sleep(self, *, is_sleep_time: bool) -> float:
        opens = self._should_be_loaded(is_sleep_time=is_sleep_time, idle_s=0.0)
        if not (self._lobby.num_waiting or opens):
            return _LOOK_S
        self._load()
        return _POLL_S

    def _load(self) -> None:
        self._is_planned_anew = False
        self._seat.wake()
        self._lobby.wake(0.0)
        self.state = State.WAKING

    def _rest(self, now: dt.datetime) -> float:
        """Let the model go although somebody may be answered, and keep it away."""
        if self.state is State.ASLEEP:
            return _REST_LOOK_S
        if self.state is State.WAKING:
            self._seat.unload()
            self.state = State.ASLEEP
        else:
            self._go(now)
        return _POLL_S

    def _go(self, now: dt.datetime) -> None:
        if self.state is State.AWAKE:
            description = self._seat.describe()
            if description is None:  # no model is there, and nothing to unload
                return
            self._lobby.take_over(description)
            self._seat.lead_to_lobby()
            self._quiet_looks = 0
            self.state = State.LEAVING
        activity = self._seat.activity()
        self._quiet_looks += 1
        if activity and activity.num_open and self._quiet_looks < _LAST_LOOKS:
            return
        self._unload(now)

    def _wake(self) -> None:
        reason = self._seat.wake_failure()
        if reason is None and self._seat.is_loaded():
            self._open()
        elif reason is None:
            self._lobby.wake(self._seat.loaded_fraction())
        elif not self._is_planned_anew:
            # Memory may have gone since the plan was made.
            _log.warning("the model did not wake up, it is planned anew: %s", reason)
            self._is_planned_anew = True
            self._seat.reload()
        else:
            _log.error("the model did not wake up: %s", reason)
            self._seat.unload()
            self._lobby.refuse(reason)
            self.state = State.ASLEEP

    def _open(self) -> None:
        # In this order nobody who is sent on comes back.
        self._seat.lead_to_engine()
        self._lobby.hand_over()
        self.state = State.AWAKE

    def _should_be_loaded(self, *, is_sleep_time: bool, idle_s: float) -> bool:
        return should_be_loaded(
            self._rules,
            is_loaded=self.state is State.AWAKE,
            idle_s=idle_s,
            is_sleep_time=is_sleep_time,
            was_sleep_time=self._was_sleep_time,
        )
