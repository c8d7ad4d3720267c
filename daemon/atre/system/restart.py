# SPDX-License-Identifier: Apache-2.0
"""A restart of the machine, by way of logind; who may is polkit's to say."""

import asyncio

from atre.system.bus import Bus

_LOGIN = "org.freedesktop.login1"
_PATH = "/org/freedesktop/login1"
_PATIENCE_S = 30.0


def restart_machine(bus_address: str | None = None) -> None:
    """Ask for it; it comes within seconds. Raises BusError."""
    asyncio.run(_restart(bus_address))


async def _restart(bus_address: str | None) -> None:
    bus = Bus(lambda *_: None)
    await bus.connect(bus_address)
    try:
        manager = f"{_LOGIN}.Manager"
        # False: nobody is there to be asked for a password.
        await bus.call(_LOGIN, _PATH, manager, "Reboot", "b", [False], timeout_s=_PATIENCE_S)
    finally:
        await bus.close()
