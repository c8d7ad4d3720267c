# SPDX-License-Identifier: Apache-2.0
"""The part of UDisks2's D-Bus interface that we speak (data/org.freedesktop.UDisks2.xml, 2.9)."""

import asyncio
from collections.abc import Callable
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, DBusFastError, InvalidAddressError

from atre.media.failure import NO_BUS, NO_UDISKS, DiskError, failure_of
from atre.media.udisks_objects import BLOCK, DRIVE, FILESYSTEM, UDISKS, Tree

_ROOT = "/org/freedesktop/UDisks2"
_DBUS = "org.freedesktop.DBus"
_OBJECTS = f"{_DBUS}.ObjectManager"
_PROPERTIES = f"{_DBUS}.Properties"

_CALL_S = 10.0
# A stick may need long to write out what was not written yet, and to be formatted.
_SLOW_S = 90.0

# Nobody is there to be asked for a password: what the rules of polkit refuse is refused.
_NOT_ASKED = {"auth.no_user_interaction": Variant("b", True)}


class UDisksBus:
    """A connection to the system bus, for UDisks2. ``on_change`` is called when its objects change.

    Every method raises MediaError.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._bus: MessageBus | None = None

    async def connect(self, bus_address: str | None = None) -> None:
        """Connect to the system bus, and hear what is plugged in from then on."""
        try:
            bus = MessageBus(bus_address, BusType.SYSTEM)
            self._bus = await asyncio.wait_for(bus.connect(), _CALL_S)
        except (OSError, TimeoutError, EOFError, AuthError, InvalidAddressError) as error:
            raise DiskError(*NO_BUS) from error
        self._bus.add_message_handler(self._receive)
        for rule in (
            f"type='signal',sender='{UDISKS}',interface='{_OBJECTS}'",
            f"type='signal',sender='{UDISKS}',interface='{_PROPERTIES}'",
            f"type='signal',interface='{_DBUS}',member='NameOwnerChanged',arg0='{UDISKS}'",
        ):
            await self._call(_DBUS, "/org/freedesktop/DBus", _DBUS, "AddMatch", "s", [rule])

    @property
    def is_connected(self) -> bool:
        return self._bus is not None and self._bus.connected

    async def objects(self) -> Tree:
        """Everything that UDisks2 knows; starts it where it is installed and not running."""
        reply = await self._call(UDISKS, _ROOT, _OBJECTS, "GetManagedObjects")
        return {
            path: {name: {key: each.value for key, each in properties.items()}
                   for name, properties in interfaces.items()}
            for path, interfaces in reply[0].items()
        }  # fmt: skip

    async def version(self) -> str:
        """The version of UDisks2."""
        body = [f"{UDISKS}.Manager", "Version"]
        reply = await self._call(UDISKS, f"{_ROOT}/Manager", _PROPERTIES, "Get", "ss", body)
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
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    async def _slowly(
        self, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> list[Any]:
        return await self._call(UDISKS, path, interface, member, signature, body, timeout_s=_SLOW_S)

    async def _call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
        *,
        timeout_s: float = _CALL_S,
    ) -> list[Any]:
        if self._bus is None:
            raise DiskError(*NO_BUS)
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body or [],
        )
        try:
            reply = await asyncio.wait_for(self._bus.call(message), timeout_s)
        except (OSError, TimeoutError, EOFError, DBusFastError) as error:
            raise DiskError(*NO_UDISKS) from error
        if reply.message_type is MessageType.ERROR:
            raise failure_of(reply.error_name or "", str(reply.body[0]) if reply.body else "")
        return list(reply.body)

    def _receive(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL and (
            message.interface in (_OBJECTS, _PROPERTIES) or message.member == "NameOwnerChanged"
        ):
            self._on_change()
