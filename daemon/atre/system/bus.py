# SPDX-License-Identifier: Apache-2.0
"""The system's D-Bus, for those who speak to another program over it; one connection each."""

import asyncio
from collections.abc import Callable
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, DBusFastError, InvalidAddressError

DBUS = "org.freedesktop.DBus"
PROPERTIES = f"{DBUS}.Properties"
OBJECTS = f"{DBUS}.ObjectManager"
_DBUS_PATH = "/org/freedesktop/DBus"

_CALL_S = 10.0  # a local socket and a program that answers at once

__all__ = ["DBUS", "OBJECTS", "PROPERTIES", "Bus", "BusError", "NoBusError", "Signal", "Variant"]

# A signal, as its listener gets it: the object's path, the interface, the member, the body.
Signal = Callable[[str, str, str, list[Any]], None]


class BusError(Exception):
    """The other program refused or did not answer; ``name`` is D-Bus's, "" without an answer."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class NoBusError(BusError):
    """There is no D-Bus here, or its connection is closed."""


class Bus:
    """A connection to the system bus, for coroutines of one event loop.

    ``on_signal`` is called for what ``connect`` was told to listen for; ``on_lost`` once the bus is
    gone, unless it was closed. After a loss, ``connect`` connects anew.
    """

    def __init__(self, on_signal: Signal, on_lost: Callable[[], None] = lambda: None) -> None:
        self._on_signal = on_signal
        self._on_lost = on_lost
        self._bus: MessageBus | None = None
        self._disconnected: asyncio.Future[None] | None = None

    @property
    def is_connected(self) -> bool:
        return self._bus is not None and self._bus.connected

    async def connect(self, address: str | None = None, *, rules: tuple[str, ...] = ()) -> None:
        """Connect to ``address``, by default the system bus, and hear what ``rules`` match.

        Raises NoBusError if there is none, BusError.
        """
        try:
            bus = MessageBus(address, BusType.SYSTEM)
            self._bus = await asyncio.wait_for(bus.connect(), _CALL_S)
        except (OSError, TimeoutError, EOFError, AuthError, InvalidAddressError) as error:
            raise NoBusError(str(error)) from error
        self._bus.add_message_handler(self._receive)
        self._disconnected = asyncio.ensure_future(
            self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        )
        self._disconnected.add_done_callback(self._note_loss)
        for rule in rules:
            await self.call(DBUS, _DBUS_PATH, DBUS, "AddMatch", "s", [rule])

    async def has_owner(self, name: str) -> bool:
        """Whether a program of that name runs. Never starts it. Raises BusError."""
        return bool((await self.call(DBUS, _DBUS_PATH, DBUS, "NameHasOwner", "s", [name]))[0])

    async def get(self, destination: str, path: str, interface: str, name: str) -> Any:
        """The value of a property. Raises BusError."""
        body = [interface, name]
        reply = await self.call(destination, path, PROPERTIES, "Get", "ss", body)
        return reply[0].value

    async def call(
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
        """The body of the reply. Raises NoBusError, BusError."""
        if self._bus is None:
            raise NoBusError("the connection is closed")
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
            raise BusError(f"{type(error).__name__}: {error}") from error
        if reply.message_type is MessageType.ERROR:
            name = reply.error_name or "an error without a name"
            raise BusError(str(reply.body[0]) if reply.body else name, name)
        return list(reply.body)

    async def close(self) -> None:
        """Disconnect. May be called twice."""
        bus, self._bus = self._bus, None
        if bus is not None and self._disconnected is not None:
            bus.disconnect()
            await asyncio.wait([self._disconnected], timeout=_CALL_S)

    def _receive(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL:
            member, interface = message.member or "", message.interface or ""
            self._on_signal(message.path or "", interface, member, message.body)

    def _note_loss(self, disconnected: "asyncio.Future[None]") -> None:
        if not disconnected.cancelled():
            disconnected.exception()  # retrieved: being disconnected is what matters
        if self._bus is not None:
            self._on_lost()
