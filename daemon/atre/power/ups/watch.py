# SPDX-License-Identifier: Apache-2.0
"""Listens to ``upsd`` on a thread of its own, and tells the box what feeds it."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import aionut
import msgspec

from atre.power.ups.state import UpsState, read_state
from atre.power.ups.supply import Outage, Supply, follow, supply
from atre.sentence import Sentence

_log = logging.getLogger(__name__)

_BEAT_S = 2.0
_TIMEOUT_S = 3.0
DEFAULT_PORT = 3493  # assigned to upsd by IANA
# What a server that is broken, or is none, makes of a conversation.
_FAILURES = (aionut.NUTError, OSError, EOFError, ValueError, asyncio.LimitOverrunError)


class UpsAddress(msgspec.Struct, frozen=True):
    """Where ``upsd`` is; ``ups`` empty means the first one it has. Reading needs no password."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    ups: str = ""
    nominal_w: float | None = None


class Heard(msgspec.Struct, frozen=True):
    """What there is to say of the UPS.

    ``state`` is the last that was heard, at ``heard_s`` (monotonic clock); ``problem`` is why
    nothing newer is, None while it speaks.
    """

    state: UpsState | None = None
    heard_s: float = 0.0
    supply: Supply = Supply.UNKNOWN
    problem: Sentence | None = None


class UpsWatch:
    """Asks a UPS every two seconds; ``on_heard`` is called after each try, on this thread."""

    def __init__(
        self,
        address: UpsAddress,
        on_heard: Callable[[Heard], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._on_heard = on_heard
        self._clock = clock
        self._outage: Outage | None = None
        self.heard = Heard()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ups", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            while not self._stop.is_set():
                runner.run(self._listen())
                self._stop.wait(_BEAT_S)

    async def _listen(self) -> None:
        """Ask over one connection for as long as it holds."""
        address = self._address
        client = aionut.AIONUTClient(address.host, address.port, timeout=_TIMEOUT_S)
        name = address.ups
        try:
            while not self._stop.is_set():
                # The first one of several may be another tomorrow: it is asked for by its name.
                name = name or next(iter(await client.list_ups()), "")
                if not name:
                    self._fail(_NO_UPS)
                    return
                self._hear(
                    read_state(name, await client.list_vars(name), nominal_w=address.nominal_w)
                )
                await asyncio.to_thread(self._stop.wait, _BEAT_S)
        except _FAILURES as error:
            self._fail(_sentence(error, address))
        finally:
            client.shutdown()

    def _hear(self, state: UpsState) -> None:
        if state.is_on_battery is None and not state.is_ending:
            # upsd lists nothing, for a moment, of a UPS whose driver has just died.
            self._fail(_NO_STATUS)
            return
        now_s = self._clock()
        self._outage = follow(self._outage, state, now_s)
        self._tell(state, heard_s=now_s, problem=None)

    def _fail(self, problem: Sentence) -> None:
        self._tell(self.heard.state, heard_s=self.heard.heard_s, problem=problem)

    def _tell(self, state: UpsState | None, *, heard_s: float, problem: Sentence | None) -> None:
        now = supply(state, self._outage, heard_s=heard_s, now_s=self._clock())
        if now is not self.heard.supply:
            _log.warning("the power comes from: %s", now)
        self.heard = Heard(state, heard_s, now, problem)
        self._on_heard(self.heard)


_NO_UPS = Sentence(
    "The UPS server knows no UPS. Add one to its ups.conf and start its driver.",
    "Le serveur d’onduleurs n’en connaît aucun. Ajoutez-en un à son ups.conf et démarrez son "
    "pilote.",
)


_NO_STATUS = Sentence(
    "The UPS does not say where its power comes from. Check its cable and its driver.",
    "L’onduleur ne dit pas d’où vient son courant. Vérifiez son câble et son pilote.",
)


def _sentence(error: Exception, address: UpsAddress) -> Sentence:
    where = f"{address.host}:{address.port}"
    said = str(error)
    if "DATA-STALE" in said or "DRIVER-NOT-CONNECTED" in said:
        return Sentence(
            "The UPS does not answer its driver. Check its cable.",
            "L’onduleur ne répond pas à son pilote. Vérifiez son câble.",
        )
    if "UNKNOWN-UPS" in said:
        return Sentence(
            f"The UPS server at {where} has no UPS named {address.ups!r}.",
            f"Le serveur d’onduleurs {where} n’a pas d’onduleur nommé "
            f"«\N{NO-BREAK SPACE}{address.ups}\N{NO-BREAK SPACE}».",
        )
    if "ACCESS-DENIED" in said:
        return Sentence(
            f"The UPS server at {where} refuses this box. Allow its address in upsd.conf.",
            f"Le serveur d’onduleurs {where} refuse ce boîtier. Autorisez son adresse dans "
            "upsd.conf.",
        )
    return Sentence(
        f"No UPS server answers sensibly at {where}. Check the address, and that upsd runs.",
        f"Aucun serveur d’onduleurs ne répond comme il faut à {where}. Vérifiez l’adresse, et que "
        "upsd tourne.",
    )
