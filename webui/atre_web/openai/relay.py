# SPDX-License-Identifier: Apache-2.0
"""Between engine and client: waits for both at once, so that either's end is noticed."""

import contextlib
import select
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from atre.ipc.client import EngineClient, Generation
from atre.ipc.closing import Closing
from atre.ipc.energy_messages import RequestEnergy
from atre.ipc.messages import EngineEvent, Finished, Generate
from atre_web.openai.interruption import PEER_CLOSED
from atre_web.openai.standing import Standing

# Comments keep proxies and impatient clients from giving up. Without POLLRDHUP a failing write is
# the only sign that a client left, so they come more often.
HEARTBEAT_S = 10.0 if PEER_CLOSED else 1.0


class Meter(Protocol):
    """Counts what a request takes; ``energy`` is known once it is closed."""

    energy: RequestEnergy

    def count(self, index: int, event: EngineEvent) -> None: ...

    def check(self) -> None:
        """Raises ForbiddenError once whoever asked may not ask any more."""

    def close(self) -> None: ...


class Ending(Protocol):
    """What may end a request early."""

    def register(self, poll: select.poll) -> None:
        """Let ``poll`` wait for it too."""

    def check(self, ready: Mapping[int, int]) -> None:
        """Look for it in what ``poll`` returned, and raise if it is there."""


class Relay(Closing):
    """The generations of one request and the client that waits for them; ``meter`` counts them.

    Leaving its ``with`` block closes what still runs, which cancels it.
    """

    def __init__(
        self,
        client: EngineClient,
        requests: Sequence[Generate],
        interruption: Ending,
        *,
        meter: Meter,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._interruption = interruption
        self._meter = meter
        self._heartbeat_s = heartbeat_s
        self._open: dict[int, tuple[int, Generation]] = {}
        self._poll = select.poll()
        interruption.register(self._poll)
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            for index, request in enumerate(requests):
                generation = client.generate(request)
                self._open[generation.fileno()] = (index, generation)
                self._poll.register(generation.fileno(), select.POLLIN)
            undo.pop_all()

    def events(self) -> Iterator[tuple[int, EngineEvent] | None]:
        """Events with the index of their request, until all have finished; None as heartbeat.

        The heart beats among events too: the client need not hear of each of them. Raises
        ClientGoneError, EngineUnavailableError when the box stops, ForbiddenError when the caller's
        account or key is closed, and the error of a generation that fails.
        """
        beat_s = time.monotonic() + self._heartbeat_s
        standing = Standing(self._meter.check)
        while self._open:
            wait_s = max(0.0, min(beat_s - time.monotonic(), standing.wait_s()))
            ready = dict(self._poll.poll(wait_s * 1000))
            self._interruption.check(ready)
            standing.check()
            if time.monotonic() >= beat_s:
                beat_s = time.monotonic() + self._heartbeat_s
                yield None
            for fd in ready:
                if fd in self._open:
                    yield from self._read(fd)

    def close(self) -> None:
        """Cancel what still runs."""
        while self._open:
            _, (_, generation) = self._open.popitem()
            self._poll.unregister(generation.fileno())
            generation.close()
        self._meter.close()

    @property
    def energy(self) -> RequestEnergy:
        """What the generations took; known once they are closed."""
        return self._meter.energy

    def _read(self, fd: int) -> Iterator[tuple[int, EngineEvent]]:
        index, generation = self._open[fd]
        for event in generation.read():
            self._meter.count(index, event)
            if isinstance(event, Finished):
                self._poll.unregister(fd)
                del self._open[fd]
                generation.close()
            yield index, event
