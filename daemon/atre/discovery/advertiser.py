# SPDX-License-Identifier: Apache-2.0
import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from atre.discovery import host_name
from atre.discovery.address_watch import watch_addresses
from atre.discovery.announcer import Announcer, Status, Surroundings, initial_status
from atre.discovery.choose import choose_responder
from atre.discovery.interfaces import lan_interfaces
from atre.discovery.service import Box, checked_instance, services
from atre.ipc.messages import DiscoveryState

_log = logging.getLogger(__name__)

_THIS_MACHINE = Surroundings(
    interfaces=lan_interfaces, choose=choose_responder, watch=watch_addresses
)


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
        waits_for_owner: bool = False,
        on_change: Callable[[], None] = lambda: None,
        surroundings: Surroundings = _THIS_MACHINE,
    ) -> None:
        """Read or make the box's names; nothing is sent before ``start``.

        ``instance`` is the shown name, by default ``Âtre`` and the unit's four digits.
        ``on_change`` is called from the advertiser's thread whenever ``status`` is another.
        Raises ConfigError on a port or a name that cannot be announced.
        """
        box_id = host_name.load_box_id(state_dir)
        self._box = Box(
            instance=checked_instance(instance or f"Âtre {box_id[:4].upper()}"),
            box_id=box_id,
            https_port=https_port,
            http_port=http_port,
            waits_for_owner=waits_for_owner,
        )
        services(self._box)
        self._label = host_name.load_host_label(state_dir, box_id)
        self._state_dir = state_dir
        self._on_change = on_change
        self._surroundings = surroundings
        self._status = initial_status(self._box, self._label, surroundings.interfaces())
        self._thread: threading.Thread | None = None

    @property
    def status(self) -> Status:
        """One consistent view of everything below."""
        return self._status

    @property
    def state(self) -> DiscoveryState:
        return self._status.state

    @property
    def detail(self) -> str:
        """Why the box is not announced, or empty."""
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
        """Begin announcing, in the background. Returns at once; to be called once."""
        self._loop = asyncio.new_event_loop()
        self._announcer = Announcer(
            self._box, self._label, self._state_dir, self._surroundings, self._publish
        )
        self._task = self._loop.create_task(self._announcer.run())
        self._thread = threading.Thread(target=self._run, name="discovery", daemon=True)
        self._thread.start()

    def end_setup(self) -> None:
        """The box has an owner: no longer announce that it waits for one. Returns at once."""
        self._box = msgspec.structs.replace(self._box, waits_for_owner=False)
        if self._thread is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed by itself
                self._loop.call_soon_threadsafe(self._announcer.end_setup)

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

    def _publish(self, status: Status) -> None:
        if status == self._status:
            return
        self._status = status
        try:
            self._on_change()
        except Exception:  # noqa: BLE001 - a caller's fault must not end discovery
            _log.exception("The receiver of a change of discovery failed.")
