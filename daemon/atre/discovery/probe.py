# SPDX-License-Identifier: Apache-2.0
import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from atre.discovery.contest import Claim, Verdict, defence_packet, judge, probe_packet

# RFC 6762 §8.1: three probes, 250 ms apart, after a random wait of as much.
_NUM_PROBES = 3
PROBE_INTERVAL_S = 0.25
# RFC 6762 §8.2: the loser of a tie waits one second and probes again.
_TIE_WAIT_INTERVALS = 4
_MAX_TIES = 5


class Channel(Protocol):
    """Where probes go."""

    def send(self, packet: bytes) -> None: ...


class NameWatch:
    """Checks that a name is free before it is used, and that it stays ours while it is.

    Every packet heard on the LAN goes to ``hear``. After a successful ``probe``, another machine's
    probe for the name is answered, and a packet that contradicts the claim calls ``on_conflict``,
    once.
    """

    def __init__(
        self, on_conflict: Callable[[], None], *, interval_s: float = PROBE_INTERVAL_S
    ) -> None:
        self._on_conflict = on_conflict
        self._interval_s = interval_s
        self._claim: Claim | None = None
        self._channel: Channel | None = None
        self._established = False
        self._verdict = Verdict.NOTHING
        self._heard = asyncio.Event()

    async def probe(self, claim: Claim, channel: Channel) -> bool:
        """Probe for the claim's host name: True when nobody else has or wants it.

        Takes about a second. A name for which ties keep being lost counts as taken.
        """
        self._claim, self._channel = claim, channel
        self._established = False
        for _ in range(_MAX_TIES):
            verdict = await self._probe_once(claim, channel)
            if verdict is Verdict.HOST_TAKEN:
                return False
            if verdict is Verdict.NOTHING:
                self._established = True
                return True
            await asyncio.sleep(_TIE_WAIT_INTERVALS * self._interval_s)
        return False

    def update(self, claim: Claim, channel: Channel) -> None:
        """Go on holding the same names, with other addresses: no probing, no gap in defence."""
        self._claim, self._channel = claim, channel

    def hear(self, packet: bytes) -> None:
        """Weigh a packet from the LAN."""
        if self._claim is None or self._channel is None:
            return
        verdict = judge(packet, self._claim)
        if not self._established:
            self._note(verdict)
        elif verdict in (Verdict.HOST_TAKEN, Verdict.INSTANCE_TAKEN):
            self._established = False
            self._on_conflict()
        elif verdict in (Verdict.TIE_LOST, Verdict.TIE_WON):
            self._channel.send(defence_packet(self._claim))

    async def _probe_once(self, claim: Claim, channel: Channel) -> Verdict:
        self._verdict = Verdict.NOTHING
        self._heard.clear()
        await self._listen(random.uniform(0, self._interval_s))  # noqa: S311
        for _ in range(_NUM_PROBES):
            if self._verdict is not Verdict.NOTHING:
                break
            channel.send(probe_packet(claim))
            await self._listen(self._interval_s)
        return self._verdict

    async def _listen(self, timeout_s: float) -> None:
        try:
            await asyncio.wait_for(self._heard.wait(), timeout_s)
        except TimeoutError:
            return

    def _note(self, verdict: Verdict) -> None:
        # An owner's answer weighs more than another candidate's probe. Who has the names of our
        # services is the responder's to find out.
        if verdict is Verdict.HOST_TAKEN or (
            verdict is Verdict.TIE_LOST and self._verdict is Verdict.NOTHING
        ):
            self._verdict = verdict
            self._heard.set()
