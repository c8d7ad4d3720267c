# SPDX-License-Identifier: Apache-2.0
"""The part of UDisks2's D-Bus interface that we speak (data/org.freedesktop.UDisks2.xml, 2.9)."""

from collections.abc import Callable
from typing import Any

from atre.media.failure import NO_BUS, NO_UDISKS, DiskError, failure_of
from atre.media.udisks_objects import BLOCK, DRIVE, FILESYSTEM, UDISKS, Tree
from atre.system.bus import DBUS, OBJECTS, PROPERTIES, Bus, BusError, NoBusError, Variant

_ROOT = "/org/freedesktop/UDisks2"

_CALL_S = 10.0
# A stick may need long to write out what was not written yet, and to be formatted.
_SLOW_S = 90.0

# Nobody is there to be asked for a password: what the rules of polkit refuse is refused.
_NOT_ASKED = {"auth.no_user_interaction": Variant("b", True)}

_RULES = (
    f"type='signal',sender='{UDISKS}',interface='{OBJECTS}'",
    f"type='signal',sender='{UDISKS}',interface='{PROPERTIES}'",
    f"type='signal',interface='{DBUS}',member='NameOwnerChanged',arg0='{UDISKS}'",
)


class UDisksBus:
    """A connection to the system bus, for UDisks2. ``on_change`` is called when its objects change.

    Every method raises MediaError.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._bus = Bus(self._hear)

    async def connect(self, bus_address: str | None = None) -> None:
        """Connect to the system bus, and hear what is plugged in from then on."""
        try:
            await self._bus.connect(bus_address, rules=_RULES)
        except BusError as error:
            raise _error(error) from error

    @property
    def is_connected(self) -> bool:
        return self._bus.is_connected

    async def objects(self) -> Tree:
        """Everything that UDisks2 knows; starts it where it is installed and not running."""
        reply = await self._call(_ROOT, OBJECTS, "GetManagedObjects")
        return {
            path: {name: {key: each.value for key, each in properties.items()}
                   for name, properties in interfaces.items()}
            for path, interfaces in reply[0].items()
        }  # fmt: skip

    async def version(self) -> str:
        """The version of UDisks2."""
        body = [f"{UDISKS}.Manager", "Version"]
        reply = await self._call(f"{_ROOT}/Manager", PROPERTIES, "Get", "ss", body)
        return str(reply[0].value)

    async def mount(self, block: str, options: str) -> str:
        """Mount a filesystem; returns the place."""
        asked = {"options": Variant("s", options), **_NOT_ASKED}
        return str((await self._slowly(block, FILESYSTEM, "Mount", "a{sv}", [asked]))[0])

    async def unmount(self, block: str) -> None:
        """Write everything out and unmount."""
        await self._slowly(block, FILESYSTEM, "Unmount", "a{sv}", [_NOT_ASKED])

    async def switch_off(self, drive: str, *, can_power_off: bool) -> None:
        """Take the power from a drive where it can be taken, else eject its medium."""
        member = "PowerOff" if can_power_off else "Eject"
        await self._slowly(drive, DRIVE, member, "a{sv}", [_NOT_ASKED])

    async def format(self, block: str, kind: str, label: str) -> None:
        """Erase a block device and make one filesystem on it, the caller's own."""
        options = {
            "label": Variant("s", label),
            "take-ownership": Variant("b", True),
            "update-partition-type": Variant("b", True),
            **_NOT_ASKED,
        }
        await self._slowly(block, BLOCK, "Format", "sa{sv}", [kind, options])

    async def close(self) -> None:
        """Disconnect. May be called twice."""
        await self._bus.close()

    async def _slowly(
        self, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> list[Any]:
        return await self._call(path, interface, member, signature, body, timeout_s=_SLOW_S)

    async def _call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
        *,
        timeout_s: float = _CALL_S,
    ) -> list[Any]:
        try:
            return await self._bus.call(
                UDISKS, path, interface, member, signature, body, timeout_s=timeout_s
            )
        except BusError as error:
            raise _error(error) from error

    def _hear(self, _path: str, interface: str, member: str, _body: list[Any]) -> None:
        if interface in (OBJECTS, PROPERTIES) or member == "NameOwnerChanged":
            self._on_change()


def _error(error: BusError) -> DiskError:
    if isinstance(error, NoBusError):
        return DiskError(*NO_BUS)
    return failure_of(error.name, str(error)) if error.name else DiskError(*NO_UDISKS)
