# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from atre.discovery.interfaces import LanInterface, advertised_addresses
from atre.discovery.service import Service, check_host_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertisement:
    """What to announce: a host name (without ``.local``), where it is, and its services."""

    host_label: str
    interfaces: tuple[LanInterface, ...]
    services: tuple[Service, ...]

    def __post_init__(self) -> None:
        check_host_label(self.host_label)

    @property
    def host_name(self) -> str:
        return f"{self.host_label}.local"

    @property
    def addresses(self) -> tuple[str, ...]:
        return advertised_addresses(self.interfaces)


class Outcome(StrEnum):
    """How an attempt to announce ended."""

    ANNOUNCED = "announced"
    HOST_TAKEN = "host_taken"
    INSTANCE_TAKEN = "instance_taken"


class Event(StrEnum):
    """What may happen to an announcement later."""

    CONFLICT = "conflict"  # somebody else uses one of our names: claim them anew
    LOST = "lost"  # the responder has gone, or a better one has come: choose anew


OnEvent = Callable[[Event], None]


class Responder(Protocol):
    """Answers for the box on the LAN. Lives in one asyncio loop, which its events come from."""

    name: str

    async def announce(self, advertisement: Advertisement) -> Outcome:
        """Claim the names, after checking that nobody has them, and answer for them.

        Called again with other addresses it updates what is announced; with fewer services it
        says goodbye to those that are gone, and the others stay; with other names it withdraws
        the old ones. When a name is taken nothing is announced.
        Raises DiscoveryError if the network or the responder refuses.
        """

    async def close(self) -> None:
        """Say goodbye (RFC 6762 §10.1) and release everything. May be called twice."""
