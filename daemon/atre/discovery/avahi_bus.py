# SPDX-License-Identifier: Apache-2.0
"""The part of Avahi's D-Bus interface that we speak (avahi-daemon/org.freedesktop.Avahi.*.xml)."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from atre.errors import DiscoveryError
from atre.system.bus import DBUS, Bus, BusError, NoBusError

_AVAHI = "org.freedesktop.Avahi"
_SERVER = "org.freedesktop.Avahi.Server"
_GROUP = "org.freedesktop.Avahi.EntryGroup"
_COLLISION = "org.freedesktop.Avahi.CollisionError"

_CALL_S = 5.0  # a local socket and a daemon that answers at once

_RUNNING = {1, 2}  # avahi-common/defs.h: AVAHI_SERVER_REGISTERING, AVAHI_SERVER_RUNNING

_RULES = (
    f"type='signal',interface='{_GROUP}',member='StateChanged'",
    f"type='signal',interface='{DBUS}',member='NameOwnerChanged',arg0='{_AVAHI}'",
)


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
        self._bus = Bus(self._hear, on_owner_change)

    async def connect(self, bus_address: str | None = None) -> None:
        """Connect to the system bus. Raises DiscoveryError when there is none."""
        try:
            await self._bus.connect(bus_address, rules=_RULES)
        except BusError as error:
            raise DiscoveryError(
                f"The system's D-Bus cannot be reached ({error}).",
                f"Le D-Bus du système est injoignable ({error}).",
            ) from error

    async def avahi_runs(self) -> bool:
        """Whether avahi-daemon is there and answers for this host. Never starts it."""
        try:
            is_there = await self._bus.has_owner(_AVAHI)
        except BusError as error:
            raise _error(error, "NameHasOwner") from error
        if not is_there:
            return False
        return (await self._call("/", _SERVER, "GetState"))[0] in _RUNNING

    async def new_group(self) -> str:
        """A new, empty entry group; returns its object path."""
        return str((await self._call("/", _SERVER, "EntryGroupNew"))[0])

    async def group(self, path: str, member: str, signature: str = "", *body: Any) -> None:
        """Call one method of an entry group. Raises CollisionError or DiscoveryError."""
        await self._call(path, _GROUP, member, signature, list(body))

    async def close(self) -> None:
        """Disconnect: Avahi drops whatever groups are left. May be called twice."""
        await self._bus.close()

    async def _call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
    ) -> list[Any]:
        try:
            return await self._bus.call(
                _AVAHI, path, interface, member, signature, body, timeout_s=_CALL_S
            )
        except BusError as error:
            raise _error(error, member) from error

    def _hear(self, path: str, interface: str, member: str, body: list[Any]) -> None:
        if member == "StateChanged" and interface == _GROUP:
            self._on_group_state(path, GroupState(body[0]))
        elif member == "NameOwnerChanged" and body[0] == _AVAHI:
            # Stopped or restarted: either way groups are gone with the old owner.
            self._on_owner_change()


def _error(error: BusError, member: str) -> DiscoveryError:
    if isinstance(error, NoBusError):
        return DiscoveryError(
            "The connection to Avahi is closed.", "La connexion à Avahi est fermée."
        )
    if not error.name:
        return DiscoveryError(
            f"Avahi did not answer to {member} ({error}).",
            f"Avahi n’a pas répondu à {member} ({error}).",
        )
    kind = CollisionError if error.name == _COLLISION else DiscoveryError
    return kind(
        f"Avahi refused {member}: {error}. See avahi-daemon.conf(5).",
        f"Avahi a refusé {member}\N{NO-BREAK SPACE}: {error}. Voyez avahi-daemon.conf(5).",
    )
