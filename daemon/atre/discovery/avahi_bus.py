# SPDX-License-Identifier: Apache-2.0
"""The part of Avahi's D-Bus interface that we speak (avahi-daemon/org.freedesktop.Avahi.*.xml)."""

import asyncio
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, DBusFastError, InvalidAddressError

from atre.errors import DiscoveryError

_AVAHI = "org.freedesktop.Avahi"
_SERVER = "org.freedesktop.Avahi.Server"
_GROUP = "org.freedesktop.Avahi.EntryGroup"
_DBUS = "org.freedesktop.DBus"
_COLLISION = "org.freedesktop.Avahi.CollisionError"

_CALL_S = 5.0  # a local socket and a daemon that answers at once

_RUNNING = {1, 2}  # avahi-common/defs.h: AVAHI_SERVER_REGISTERING, AVAHI_SERVER_RUNNING


class GroupState(IntEnum):
    """avahi-common/defs.h, AvahiEntryGroupState."""

    UNCOMMITTED = 0
    REGISTERING = 1
    ESTABLISHED = 2
    COLLISION = 3
    FAILURE = 4


class CollisionError(DiscoveryError):
    """Avahi itself already answers for this name, on behalf of another program."""


class AvahiBus:
    """A connection to the system bus: Avahi's entry groups, and what becomes of them and of Avahi.

    ``on_owner_change`` is called when avahi-daemon starts or stops, or the bus is lost.
    """

    def __init__(
        self, on_group_state: Callable[[str, GroupState], None], on_owner_change: Callable[[], None]
    ) -> None:
        self._on_group_state = on_group_state
        self._on_owner_change = on_owner_change
        self._bus: MessageBus | None = None

    async def connect(self, bus_address: str | None = None) -> None:
        """Connect to the system bus. Raises DiscoveryError when there is none."""
        try:
            bus = MessageBus(bus_address, BusType.SYSTEM)
            self._bus = await asyncio.wait_for(bus.connect(), _CALL_S)
        except (OSError, TimeoutError, EOFError, AuthError, InvalidAddressError) as error:
            raise DiscoveryError(
                f"The system's D-Bus cannot be reached ({error}).",
                f"Le D-Bus du système est injoignable ({error}).",
            ) from error
        self._bus.add_message_handler(self._receive)
        self._disconnected = asyncio.ensure_future(
            self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        )
        self._disconnected.add_done_callback(self._on_disconnect)
        for rule in (
            f"type='signal',interface='{_GROUP}',member='StateChanged'",
            f"type='signal',interface='{_DBUS}',member='NameOwnerChanged',arg0='{_AVAHI}'",
        ):
            await self._call(_DBUS, "/org/freedesktop/DBus", _DBUS, "AddMatch", "s", [rule])

    async def avahi_runs(self) -> bool:
        """Whether avahi-daemon is there and answers for this host. Never starts it."""
        path = "/org/freedesktop/DBus"
        owned = await self._call(_DBUS, path, _DBUS, "NameHasOwner", "s", [_AVAHI])
        if not owned[0]:
            return False
        state = await self._call(_AVAHI, "/", _SERVER, "GetState")
        return state[0] in _RUNNING

    async def new_group(self) -> str:
        """A new, empty entry group; returns its object path."""
        return str((await self._call(_AVAHI, "/", _SERVER, "EntryGroupNew"))[0])

    async def group(self, path: str, member: str, signature: str = "", *body: Any) -> None:
        """Call one method of an entry group. Raises CollisionError or DiscoveryError."""
        await self._call(_AVAHI, path, _GROUP, member, signature, list(body))

    async def close(self) -> None:
        """Disconnect: Avahi drops whatever groups are left. May be called twice."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()
            await asyncio.wait([self._disconnected], timeout=_CALL_S)

    async def _call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
    ) -> list[Any]:
        if self._bus is None:
            raise DiscoveryError(
                "The connection to Avahi is closed.", "La connexion à Avahi est fermée."
            )
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body or [],
        )
        try:
            reply = await asyncio.wait_for(self._bus.call(message), _CALL_S)
        except (OSError, TimeoutError, EOFError, DBusFastError) as error:
            raise DiscoveryError(
                f"Avahi did not answer to {member} ({error}).",
                f"Avahi n’a pas répondu à {member} ({error}).",
            ) from error
        if reply.message_type is MessageType.ERROR:
            kind = CollisionError if reply.error_name == _COLLISION else DiscoveryError
            reason = reply.body[0] if reply.body else reply.error_name
            raise kind(
                f"Avahi refused {member}: {reason}. See avahi-daemon.conf(5).",
                f"Avahi a refusé {member}\N{NO-BREAK SPACE}: {reason}. Voyez avahi-daemon.conf(5).",
            )
        return list(reply.body)

    def _receive(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.member == "StateChanged" and message.interface == _GROUP:
            self._on_group_state(message.path or "", GroupState(message.body[0]))
        elif message.member == "NameOwnerChanged" and message.body[0] == _AVAHI:
            # Stopped or restarted: either way groups are gone with the old owner.
            self._on_owner_change()

    def _on_disconnect(self, disconnected: "asyncio.Future[None]") -> None:
        if not disconnected.cancelled():
            disconnected.exception()  # retrieved: being disconnected is what matters
        if self._bus is not None:
            self._on_owner_change()
