# SPDX-License-Identifier: Apache-2.0
import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path

from atre.discovery import host_name
from atre.discovery.address_watch import watch_addresses
from atre.discovery.choose import choose_responder
from atre.discovery.interfaces import LanInterface, advertised_addresses, lan_interfaces
from atre.discovery.responder import Advertisement, Event, OnEvent, Outcome, Responder
from atre.discovery.service import (
    Box,
    checked_instance,
    next_host_label,
    next_instance,
    services,
)
from atre.errors import AtreError
from atre.ipc.messages import DiscoveryState

# RFC 6762 §8.1: after fifteen conflicts, wait five seconds before each further attempt.
_MANY_CONFLICTS = 15
_CONFLICT_WAIT_S = 5.0
_RETRY_S = 30.0  # after a refusal; a change of addresses or of responder comes first
_GOODBYE_S = 3.0  # three goodbyes 125 ms apart, or a D-Bus call, on a loaded machine

NO_NETWORK = (
    "No network yet: plug in a network cable or join a Wi-Fi network; "
    "the box will announce itself then."
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the LAN finds the box at one moment; ``detail`` says why it does not, or is empty."""

    state: DiscoveryState
    detail: str
    host_name: str
    instance: str
    addresses: tuple[str, ...]
    responder: str


class Advertiser:
    """Keeps the box announced on the LAN, in a thread of its own, until it is closed.

    No network, a refused port, a lost Avahi: each is a state with its reason, left as soon as it
    can be. Names and addresses are known, and kept up to date, whether announced or not.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        https_port: int,
        http_port: int | None = None,
        instance: str | None = None,
        on_change: Callable[[], None] = lambda: None,
        interfaces: Callable[[], tuple[LanInterface, ...]] = lan_interfaces,
        choose: Callable[[OnEvent], Awaitable[Responder]] = choose_responder,
        watch: Callable[[Callable[[], None]], Coroutine[None, None, None]] = watch_addresses,
    ) -> None:
        """Read or make the box's names; nothing is sent before ``start``.

        ``instance`` is the shown name, by default ``Âtre`` and the unit's four digits.
        ``on_change`` is called from the advertiser's thread whenever ``status`` is another.
        Raises ConfigError on a port or a name that cannot be announced.
        """
        box_id = host_name.load_box_id(state_dir)
        self._state_dir = state_dir
        self._label = host_name.load_host_label(state_dir, box_id)
        self._box = Box(
            instance=checked_instance(instance or f"Âtre {box_id[:4].upper()}"),
            box_id=box_id,
            https_port=https_port,
            http_port=http_port,
        )
        services(self._box)
        self._on_change = on_change
        self._interfaces = interfaces
        self._choose = choose
        self._watch = watch
        self._responder: Responder | None = None
        self._num_conflicts = 0
        self._thread: threading.Thread | None = None
        self._status = Status(
            state=DiscoveryState.OFF,
            detail="",
            host_name=f"{self._label}.local",
            instance=self._box.instance,
            addresses=advertised_addresses(interfaces()),
            responder="",
        )

    @property
    def status(self) -> Status:
        """One consistent view of everything below."""
        return self._status

    @property
    def state(self) -> DiscoveryState:
        return self._status.state

    @property
    def detail(self) -> str:
        return self._status.detail

    @property
    def host_name(self) -> str:
        """For example ``atre-7f3a.local``; it changes when another machine already has it."""
        return self._status.host_name

    @property
    def addresses(self) -> tuple[str, ...]:
        """The box's LAN addresses, IPv4 first."""
        return self._status.addresses

    @property
    def responder(self) -> str:
        """Who answers on the LAN: ``zeroconf``, ``avahi``, or empty when nobody does."""
        return self._status.responder

    def start(self) -> None:
        """Begin announcing, in the background. Returns at once."""
        self._loop = asyncio.new_event_loop()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._task = self._loop.create_task(self._advertise())
        self._thread = threading.Thread(target=self._run, name="discovery", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Say goodbye to the LAN and stop. Takes a few seconds at most; may be called twice."""
        if self._thread is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop has closed by itself
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()
        self._thread = None

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # closed before it began
            self._loop.run_until_complete(self._task)
        self._loop.close()

    async def _advertise(self) -> None:
        watching = asyncio.create_task(self._watch(lambda: self._events.put_nowait(None)))
        try:
            while True:
                await self._converge()
                await self._next_event()
        except asyncio.CancelledError:
            await self._drop_responder()
            self._publish(state=DiscoveryState.OFF, detail="")
        except Exception as error:  # noqa: BLE001 - our own fault must not stop the box either
            _log.exception("Discovery stopped.")
            await self._drop_responder()
            self._publish(
                state=DiscoveryState.UNAVAILABLE,
                detail=f"Discovery stopped by an internal error ({error}). Restart the box.",
            )
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _converge(self) -> None:
        """Bring what is announced in line with the addresses the machine has now."""
        interfaces = self._interfaces()
        if not interfaces:
            await self._drop_responder()
            self._publish(state=DiscoveryState.UNAVAILABLE, detail=NO_NETWORK, addresses=())
            return
        try:
            await self._announce(interfaces)
        except (AtreError, OSError) as error:
            _log.warning("Discovery is unavailable: %s", error)
            await self._drop_responder()
            self._publish(state=DiscoveryState.UNAVAILABLE, detail=str(error))

    async def _announce(self, interfaces: tuple[LanInterface, ...]) -> None:
        self._publish(
            state=DiscoveryState.PROBING, detail="", addresses=advertised_addresses(interfaces)
        )
        while True:
            if self._responder is None:
                self._responder = await self._choose(self._events.put_nowait)
            outcome = await self._responder.announce(
                Advertisement(
                    host_label=self._label, interfaces=interfaces, services=services(self._box)
                )
            )
            if outcome is Outcome.ANNOUNCED:
                break
            await self._rename(outcome)
        self._announced_on = interfaces
        self._publish(state=DiscoveryState.ANNOUNCED)

    async def _rename(self, outcome: Outcome) -> None:
        await self._count_conflict()
        if outcome is Outcome.HOST_TAKEN:
            self._label = next_host_label(self._label)
            host_name.keep_host_label(self._state_dir, self._label)
        else:
            self._box = Box(
                instance=next_instance(self._box.instance),
                box_id=self._box.box_id,
                https_port=self._box.https_port,
                http_port=self._box.http_port,
            )
        _log.info("A name was taken on the LAN (%s): trying another.", outcome)
        self._publish(host_name=f"{self._label}.local", instance=self._box.instance)

    async def _count_conflict(self) -> None:
        self._num_conflicts += 1
        if self._num_conflicts > _MANY_CONFLICTS:
            await asyncio.sleep(_CONFLICT_WAIT_S)

    async def _next_event(self) -> None:
        """Wait until there is a reason to announce anew."""
        announced = self._status.state is DiscoveryState.ANNOUNCED
        while True:
            try:
                timeout_s = None if announced else _RETRY_S
                event = await asyncio.wait_for(self._events.get(), timeout_s)
            except TimeoutError:
                return
            if event is not None:
                # Claiming anew starts with silence: our answers would otherwise meet our probes.
                await self._count_conflict()
                await self._drop_responder()
                return
            if not announced or self._interfaces() != self._announced_on:
                return

    async def _drop_responder(self) -> None:
        responder, self._responder = self._responder, None
        if responder is None:
            return
        try:
            await asyncio.wait_for(responder.close(), _GOODBYE_S)
        except (AtreError, OSError, TimeoutError) as error:
            _log.warning("Discovery did not stop cleanly: %s", error)

    def _publish(self, **changes: object) -> None:
        responder = "" if self._responder is None else self._responder.name
        status = replace(self._status, responder=responder, **changes)  # type: ignore[arg-type]
        if status == self._status:
            return
        self._status = status
        try:
            self._on_change()
        except Exception:  # noqa: BLE001 - a caller's fault must not end discovery
            _log.exception("The receiver of a change of discovery failed.")
