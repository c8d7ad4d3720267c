# SPDX-License-Identifier: Apache-2.0
"""A metering plug between the wall and the machine, asked by a thread of its own."""

import threading
import time
from collections.abc import Callable
from enum import StrEnum

import msgspec

from atre.power.reading import Basis, Reading, Scope
from atre.power.samplers.held_energy import HeldEnergy
from atre.power.samplers.lan_http import Device, DeviceError, Reply, get, is_local
from atre.power.samplers.plug_words import (
    ABSURD,
    NOT_ASKED_YET,
    NOTHING_DRAWN,
    Metered,
    unreachable,
)
from atre.power.samplers.shelly import read_shelly
from atre.power.samplers.tasmota import read_tasmota
from atre.sentence import Sentence

_PERIOD_S = 1.0
_MAX_PERIOD_S = 30.0  # a plug that is gone is asked less and less often
_STALE_S = 10.0
_MAX_POWER_W = 7500.0  # 32 A at 230 V; office outlets carry half of that
_MAX_ENERGY_J = 1e15  # a century of that
_CLOSE_S = 0.05


class PlugKind(StrEnum):
    """Whose firmware the plug has."""

    SHELLY = "shelly"
    TASMOTA = "tasmota"


class PlugSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A plug as a manager enters it; ``host`` is its address on the local network."""

    kind: PlugKind
    host: str
    port: int = 80
    password: str = ""


class Plug:
    """Tells a plug's last reply, with the time at which it was true; a Sampler."""

    def __init__(
        self, settings: PlugSettings, is_allowed: Callable[[str], bool] = is_local
    ) -> None:
        self._settings, self._is_allowed = settings, is_allowed
        self._device = Device(settings.host, settings.port)
        self._energy = HeldEnergy()
        self._lock = threading.Lock()
        self._last = self._told(time.monotonic(), reason=NOT_ASKED_YET)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="power-plug", daemon=True)
        self._thread.start()

    def read(self, now_s: float) -> list[Reading]:
        with self._lock:
            last = self._last
        if last.power_w is not None and now_s - last.at_s > _STALE_S:
            silence = f"{now_s - last.at_s:.0f} s"
            return [self._told(now_s, reason=unreachable(silence, silence))]
        # A reason holds until the next answer.
        return [last if last.power_w is not None else msgspec.structs.replace(last, at_s=now_s)]

    def close(self) -> None:
        self._closed.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        period_s = _PERIOD_S
        while True:
            told = self._asked()
            with self._lock:
                self._last = told
            is_good = told.power_w is not None
            period_s = _PERIOD_S if is_good else min(2 * period_s, _MAX_PERIOD_S)
            if self._closed.wait(period_s):
                return

    def _asked(self) -> Reading:
        read = read_shelly if self._settings.kind is PlugKind.SHELLY else read_tasmota
        started_s = time.monotonic()
        try:
            metered = read(self._ask, self._settings.password)
        except DeviceError as error:
            return self._told(time.monotonic(), reason=unreachable(str(error), error.french))
        # The figures were true somewhere between the question and the answer.
        at_s = (started_s + time.monotonic()) / 2
        reason = metered.reason or problem(metered)
        if reason is not None or metered.power_w is None:
            return self._told(at_s, reason=reason)
        is_counted = metered.energy_j is not None and 0 <= metered.energy_j < _MAX_ENERGY_J
        energy_j = self._energy.at(at_s, metered.power_w, metered.energy_j if is_counted else None)
        return self._told(at_s, power_w=metered.power_w, energy_j=energy_j)

    def _ask(self, target: str, authorization: str) -> Reply:
        return get(self._device, target, authorization=authorization, is_allowed=self._is_allowed)

    def _told(
        self,
        at_s: float,
        *,
        power_w: float | None = None,
        energy_j: float | None = None,
        reason: Sentence | None = None,
    ) -> Reading:
        return Reading(
            source=f"plug:{self._settings.kind}:{self._settings.host}",
            scope=Scope.WALL,
            basis=Basis.PLUG,
            at_s=at_s,
            power_w=power_w,
            energy_j=energy_j,
            reason=reason,
        )


def problem(metered: Metered) -> Sentence | None:
    """Why figures cannot be this machine's, which runs on that plug while it asks."""
    if metered.power_w == 0:
        return NOTHING_DRAWN
    if metered.power_w is None or not 0 < metered.power_w <= _MAX_POWER_W:
        return ABSURD
    return None
