# SPDX-License-Identifier: Apache-2.0
"""RAUC for the rest of the daemon, which has threads and no event loop."""

import asyncio
import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from atre.errors import UpdateError
from atre.system.bus import BusError, NoBusError
from atre.system.slot import Slot
from atre.updates import failure
from atre.updates.installer import BundleFacts, OnProgress, SlotFacts, SystemFacts
from atre.updates.rauc_bus import LOST, RaucBus

_GONE = {
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
}
_UNKNOWN_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"
_META = "atre"  # of [meta.atre] in a bundle's manifest
# A stick at USB 2 speed, a slow disk and a gigabyte; RAUC itself never gives up.
_LONGEST_INSTALL_S = 3600.0
_PATIENCE_S = 120.0

T = TypeVar("T")


class Rauc:
    """RAUC's service on the system bus, or the one at ``bus_address``: an ``Installer``."""

    def __init__(self, bus_address: str | None = None) -> None:
        self._bus_address = bus_address
        self._on_progress: OnProgress = lambda _: None
        self._bus = RaucBus(lambda percent, _: self._on_progress(percent / 100))
        self._connecting = asyncio.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rauc", daemon=True)
        self._thread.start()

    @property
    def compatible(self) -> str:
        return str(self._run(lambda: self._bus.property("Compatible")))

    def facts(self) -> SystemFacts:
        slots = self._run(self._bus.slots)
        names = {name: facts["bootname"] for name, facts in slots if facts.get("bootname")}
        primary = self._run(self._bus.primary)
        found = tuple(_slot(facts) for _, facts in slots if facts.get("bootname") in ("a", "b"))
        if not found:
            raise failure.absent()
        return SystemFacts(slots=found, next="b" if names.get(primary) == "b" else "a")

    def inspect(self, bundle: Path) -> BundleFacts:
        if not bundle.is_file():
            raise failure.said("No such file")
        try:
            facts = self._run_raw(lambda: self._bus.inspect(str(bundle)))
        except BusError as error:
            if error.name != _UNKNOWN_METHOD:
                raise _error(error) from error
        else:
            update, meta = facts.get("update", {}), facts.get("meta", {})
            return BundleFacts(
                str(update.get("compatible", "")),
                str(update.get("version", "")),
                dict(meta.get(_META, {})),
            )
        # RAUC 1.8 has nothing but these two.
        compatible, version = self._run(lambda: self._bus.info(str(bundle)))
        return BundleFacts(compatible, version)

    def install(self, bundle: Path, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        try:
            result = self._run(lambda: self._bus.install(str(bundle)), _LONGEST_INSTALL_S)
        finally:
            self._on_progress = lambda _: None
        if result == LOST:
            raise failure.said("RAUC stopped")
        if result != 0:
            raise failure.said(str(self._run(lambda: self._bus.property("LastError"))))

    def start_next(self, slot: Slot) -> None:
        self._mark("active", slot)

    def keep_running(self) -> None:
        self._run(lambda: self._bus.mark("good", "booted"))

    def give_up(self, slot: Slot) -> None:
        self._mark("bad", slot)

    def close(self) -> None:
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._bus.close(), self._loop).result(_PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _mark(self, state: str, slot: Slot) -> None:
        slots = self._run(self._bus.slots)
        name = next((name for name, facts in slots if facts.get("bootname") == slot), None)
        if name is None:
            raise failure.absent()
        self._run(lambda: self._bus.mark(state, name))

    def _run(self, make: Callable[[], Coroutine[Any, Any, T]], patience_s: float = 0.0) -> T:
        try:
            return self._run_raw(make, patience_s)
        except BusError as error:
            raise _error(error) from error

    def _run_raw(self, make: Callable[[], Coroutine[Any, Any, T]], patience_s: float = 0.0) -> T:
        async def connected() -> T:
            async with self._connecting:
                if not self._bus.is_connected:
                    await self._bus.connect(self._bus_address)
            return await make()

        asked = asyncio.run_coroutine_threadsafe(connected(), self._loop)
        try:
            return asked.result(patience_s or _PATIENCE_S)
        except TimeoutError as error:
            asked.cancel()
            raise UpdateError(
                "The service that writes updates does not answer. Restart the box.",
                "Le service qui écrit les mises à jour ne répond pas. Redémarrez le boîtier.",
            ) from error


def _slot(facts: dict[str, Any]) -> SlotFacts:
    return SlotFacts(
        slot="b" if facts["bootname"] == "b" else "a",
        version=str(facts.get("bundle.version", "")),
        is_running=facts.get("state") == "booted",
        is_good=facts.get("boot-status") == "good",
        is_whole=facts.get("status", "ok") == "ok",
        installed_at=_time(facts.get("installed.timestamp")),
    )


def _time(text: object) -> float | None:
    try:
        return dt.datetime.fromisoformat(str(text)).timestamp() if text else None
    except ValueError:
        return None


def _error(error: BusError) -> UpdateError:
    if isinstance(error, NoBusError) or not error.name or error.name in _GONE:
        return failure.absent()
    return failure.said(str(error))
