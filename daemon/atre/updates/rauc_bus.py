# SPDX-License-Identifier: Apache-2.0
"""The part of RAUC's D-Bus interface that we speak (src/de.pengutronix.rauc.Installer.xml, 1.8)."""

import asyncio
from collections.abc import Callable
from typing import Any

from atre.system.bus import DBUS, PROPERTIES, Bus, Variant

RAUC = "de.pengutronix.rauc"
INSTALLER = "de.pengutronix.rauc.Installer"
_PATH = "/"

_RULES = (
    f"type='signal',sender='{RAUC}',interface='{INSTALLER}',member='Completed'",
    f"type='signal',sender='{RAUC}',interface='{PROPERTIES}',member='PropertiesChanged'",
    f"type='signal',interface='{DBUS}',member='NameOwnerChanged',arg0='{RAUC}'",
)

# For each slot RAUC starts our boot-choice program, which may write to the EFI system partition:
# seconds, on a box that loads its model. A bundle's signature is computed over all of it.
_CALL_S = 90.0
# RAUC's result of an install: 0 is success; ours for a service that went away meanwhile.
LOST = -1


class RaucBus:
    """A connection to the system bus, for RAUC; for the coroutines of one loop.

    ``on_progress`` is called with percent and RAUC's words. Methods raise BusError.
    """

    def __init__(self, on_progress: Callable[[int, str], None]) -> None:
        self._on_progress = on_progress
        self._completed: asyncio.Future[int] | None = None
        self._bus = Bus(self._hear, lambda: self._complete(LOST))

    @property
    def is_connected(self) -> bool:
        return self._bus.is_connected

    async def connect(self, bus_address: str | None = None) -> None:
        await self._bus.connect(bus_address, rules=_RULES)

    async def close(self) -> None:
        await self._bus.close()

    async def property(self, name: str) -> Any:
        return await self._bus.get(RAUC, _PATH, INSTALLER, name)

    async def inspect(self, bundle: str) -> dict[str, Any]:
        """RAUC's ``InspectBundle`` (1.10 or later), variants taken away."""
        body: list[Any] = [bundle, {}]
        return dict(_plain((await self._call("InspectBundle", "sa{sv}", body))[0]))

    async def info(self, bundle: str) -> tuple[str, str]:
        """Compatible and version, of an older RAUC."""
        compatible, version = await self._call("Info", "s", [bundle])
        return str(compatible), str(version)

    async def slots(self) -> list[tuple[str, dict[str, Any]]]:
        return [(str(n), _plain(facts)) for n, facts in (await self._call("GetSlotStatus"))[0]]

    async def primary(self) -> str:
        """The name of the slot that starts next."""
        return str((await self._call("GetPrimary"))[0])

    async def mark(self, state: str, slot: str) -> None:
        await self._call("Mark", "ss", [state, slot])

    async def install(self, bundle: str) -> int:
        """Write a bundle to the other slot; returns once RAUC says how it ended.

        The signal is awaited from before the call: a bundle that is refused ends at once.
        """
        self._completed = asyncio.get_running_loop().create_future()
        await self._call("InstallBundle", "sa{sv}", [bundle, {}])
        return await self._completed

    async def _call(
        self,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
    ) -> list[Any]:
        return await self._bus.call(
            RAUC, _PATH, INSTALLER, member, signature, body, timeout_s=_CALL_S
        )

    def _hear(self, _path: str, interface: str, member: str, body: list[Any]) -> None:
        if member == "Completed" and interface == INSTALLER:
            self._complete(int(body[0]))
        elif member == "PropertiesChanged" and body[0] == INSTALLER:
            progress = body[1].get("Progress")
            if isinstance(progress, Variant):
                percent, words, _depth = progress.value
                self._on_progress(int(percent), str(words))
        elif member == "NameOwnerChanged" and not body[2]:
            self._complete(LOST)

    def _complete(self, result: int) -> None:
        if self._completed is not None and not self._completed.done():
            self._completed.set_result(result)


def _plain(value: Any) -> Any:
    if isinstance(value, Variant):
        return _plain(value.value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
