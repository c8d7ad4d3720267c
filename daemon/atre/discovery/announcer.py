# SPDX-License-Identifier: Apache-2.0
import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from atre.discovery import host_name
from atre.discovery.interfaces import LanInterface, advertised_addresses
from atre.discovery.responder import Advertisement, Event, OnEvent, Outcome, Responder
from atre.discovery.service import Box, next_host_label, next_instance, services
from atre.errors import AtreError
from atre.ipc.messages import DiscoveryState

# RFC 6762 §8.1: after fifteen conflicts in ten seconds, wait five before each further attempt. An
# attempt of ours takes one to three seconds, hence the longer period.
_MANY_CONFLICTS = 15
_CONFLICT_PERIOD_S = 60.0
_CONFLICT_WAIT_S = 5.0
_RETRY_S = 30.0  # after a refusal; a change of addresses or of responder comes first
_GOODBYE_S = 3.0  # three goodbyes 125 ms apart, or a D-Bus call, on a loaded machine

NO_NETWORK = (
    "No network yet: plug in a network cable or join a Wi-Fi network; "
    "the box will announce itself then."
)
NO_NETWORK_FR = (
    "Pas encore de réseau\N{NO-BREAK SPACE}: branchez un câble ou rejoignez un Wi-Fi, "
    "le boîtier s’annoncera alors."
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the LAN finds the box at one moment; ``detail`` says why it does not, or is empty.

    ``responder`` is who answers (``zeroconf``, ``avahi``), empty when nobody does.
    """

    state: DiscoveryState
    detail: str
    detail_fr: str
    host_name: str
    instance: str
    addresses: tuple[str, ...]
    responder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the machine offers: its interfaces, a responder, and word of changed addresses."""

    interfaces: Callable[[], tuple[LanInterface, ...]]
    choose: Callable[[OnEvent], Awaitable[Responder]]
    watch: Callable[[Callable[[], None]], Coroutine[None, None, None]]


class Announcer:
    """Keeps one box announced: follows the addresses, renames after conflicts, tries again."""

    def __init__(
        self,
        box: Box,
        label: str,
        state_dir: Path,
        surroundings: Surroundings,
        publish: Callable[[Status], None],
        *,
        is_wanted: bool = True,
    ) -> None:
        """``publish`` receives every status, ``initial_status`` excepted, in the loop's thread."""
        self._is_wanted = is_wanted
        self._box = box
        self._label = label
        self._state_dir = state_dir
        self._surroundings = surroundings
        self._publish = publish
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._responder: Responder | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._announcing: tuple[LanInterface, ...] = ()
        self._services_changed = False
        self._conflicts = deque[float](maxlen=_MANY_CONFLICTS)
        self._status = initial_status(box, label, surroundings.interfaces())

    async def run(self) -> None:
        """Announce until cancelled, then say goodbye."""
        watching = asyncio.create_task(self._surroundings.watch(self._on_addresses))
        try:
            while True:
                await self._converge()
                await self._next_event()
        except asyncio.CancelledError:
            await self._drop_responder()
            self._show(state=DiscoveryState.OFF)
        except Exception as error:  # noqa: BLE001 - our own fault must not stop the box either
            _log.exception("Discovery stopped.")
            await self._drop_responder()
            self._show(
                state=DiscoveryState.UNAVAILABLE,
                detail=f"Discovery stopped by an internal error ({error}). Restart the box.",
                detail_fr=f"La découverte s’est arrêtée sur une erreur interne ({error}). "
                "Redémarrez le boîtier.",
            )
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    def end_setup(self) -> None:
        """Say goodbye for the service that waits for an owner. To be called in the loop."""
        self._box = msgspec.structs.replace(self._box, waits_for_owner=False)
        self._services_changed = True
        self._events.put_nowait(None)

    def want(self, *, announced: bool) -> None:
        """Announce the box, or keep silent; in the loop's thread. The addresses are followed."""
        if announced == self._is_wanted:
            return
        self._is_wanted = announced
        self._events.put_nowait(None)
        if self._attempt is not None:
            self._attempt.cancel()

    async def _converge(self) -> None:
        """Bring what is announced in line with the addresses the machine has now."""
        interfaces = self._surroundings.interfaces()
        if not self._is_wanted:
            await self._drop_responder()
            self._services_changed = False
            self._announcing = interfaces
            addresses = advertised_addresses(interfaces)
            self._show(state=DiscoveryState.OFF, addresses=addresses)
            return
        if not interfaces:
            await self._drop_responder()
            self._show(
                state=DiscoveryState.UNAVAILABLE,
                detail=NO_NETWORK,
                detail_fr=NO_NETWORK_FR,
                addresses=(),
            )
            return
        self._announcing = interfaces
        self._attempt = asyncio.create_task(self._announce(interfaces))
        try:
            await asyncio.wait([self._attempt])
        finally:
            attempt, self._attempt = self._attempt, None
            attempt.cancel()
            await asyncio.wait([attempt])
        if attempt.cancelled():  # overtaken by an event, which is in the queue
            await self._drop_responder()
            return
        try:
            attempt.result()
        except (AtreError, OSError) as error:
            _log.warning("Discovery is unavailable: %s", error)
            await self._drop_responder()
            french = error.french if isinstance(error, AtreError) else str(error)
            self._show(state=DiscoveryState.UNAVAILABLE, detail=str(error), detail_fr=french)

    async def _announce(self, interfaces: tuple[LanInterface, ...]) -> None:
        addresses = advertised_addresses(interfaces)
        self._show(state=DiscoveryState.PROBING, addresses=addresses)
        while True:
            if self._responder is None:
                self._responder = await self._surroundings.choose(self._on_event)
            self._services_changed = False
            outcome = await self._responder.announce(
                Advertisement(
                    host_label=self._label, interfaces=interfaces, services=services(self._box)
                )
            )
            if outcome is Outcome.ANNOUNCED:
                break
            await self._rename(outcome)
        self._show(state=DiscoveryState.ANNOUNCED)

    async def _rename(self, outcome: Outcome) -> None:
        await self._count_conflict()
        if outcome is Outcome.HOST_TAKEN:
            self._label = next_host_label(self._label)
            host_name.keep_host_label(self._state_dir, self._label)
        else:
            instance = next_instance(self._box.instance)
            self._box = msgspec.structs.replace(self._box, instance=instance)
        _log.info("A name was taken on the LAN (%s): trying another.", outcome)
        self._show(host_name=f"{self._label}.local", instance=self._box.instance)

    async def _count_conflict(self) -> None:
        now = asyncio.get_running_loop().time()
        self._conflicts.append(now)
        if is_storm(self._conflicts, now):
            await asyncio.sleep(_CONFLICT_WAIT_S)

    def _on_addresses(self) -> None:
        self._events.put_nowait(None)
        # An attempt for addresses that have gone may never end: Avahi waits for their probes.
        present = advertised_addresses(self._surroundings.interfaces())
        if self._attempt is not None and present != advertised_addresses(self._announcing):
            self._attempt.cancel()

    def _on_event(self, event: Event) -> None:
        self._events.put_nowait(event)
        if self._attempt is not None and event is Event.LOST:
            self._attempt.cancel()

    async def _next_event(self) -> None:
        """Wait until there is a reason to announce anew."""
        settled = self._status.state in {DiscoveryState.ANNOUNCED, DiscoveryState.OFF}
        while True:
            try:
                event = await asyncio.wait_for(self._events.get(), None if settled else _RETRY_S)
            except TimeoutError:
                return
            if event is Event.CONFLICT:
                await self._count_conflict()
            if event is not None:
                # Claiming anew starts with silence: our answers would otherwise meet our probes.
                await self._drop_responder()
                return
            is_as_wanted = (self._status.state is not DiscoveryState.OFF) == self._is_wanted
            if not settled or not is_as_wanted or self._services_changed:
                return
            if self._surroundings.interfaces() != self._announcing:
                return

    async def _drop_responder(self) -> None:
        responder, self._responder = self._responder, None
        if responder is None:
            return
        try:
            await asyncio.wait_for(responder.close(), _GOODBYE_S)
        except (AtreError, OSError, TimeoutError) as error:
            _log.warning("Discovery did not stop cleanly: %s", error)

    def _show(self, **changes: Any) -> None:
        responder = "" if self._responder is None else self._responder.name
        clear = {"detail": "", "detail_fr": ""}
        self._status = replace(self._status, responder=responder, **clear | changes)
        self._publish(self._status)


def is_storm(conflicts: Sequence[float], now: float) -> bool:
    """Whether the last conflicts, times in seconds, came so fast that the LAN needs a rest."""
    return len(conflicts) >= _MANY_CONFLICTS and now - conflicts[0] < _CONFLICT_PERIOD_S


def initial_status(box: Box, label: str, interfaces: tuple[LanInterface, ...]) -> Status:
    """What is known of a box before it is announced."""
    return Status(
        state=DiscoveryState.OFF,
        detail="",
        detail_fr="",
        host_name=f"{label}.local",
        instance=box.instance,
        addresses=advertised_addresses(interfaces),
        responder="",
    )
