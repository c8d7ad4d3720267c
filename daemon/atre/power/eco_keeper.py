# SPDX-License-Identifier: Apache-2.0
"""Fewer threads and less power while the box saves, and what was learnt of both."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from atre.errors import AtreError
from atre.ipc.cap_messages import CapBasis, CapReport
from atre.ipc.eco_messages import ThreadBasis, ThreadFigures
from atre.ipc.messages import EngineDescription
from atre.ipc.peer import Peer
from atre.ipc.work_messages import CapThreads
from atre.power.caps.choice import UNCAPPED
from atre.power.caps.client import Caps
from atre.power.caps.keeper import CapKeeper
from atre.power.thread_choice import Work, choose, figures

# The engine is told again each time: one that started anew knows of no cap.
_PERIOD_S = 5.0


class EcoKeeper:
    """A thread that keeps the engine's number of threads.

    ``is_on`` says whether the box saves now, ``work`` all work since the start with what it took,
    ``has_meter`` whether that is measured; ``tell`` caps the engine's threads, None lifts the cap.
    ``caps`` are chosen once the number of threads is, so that one is measured at a time.
    """

    def __init__(
        self,
        tell: Callable[[int | None], EngineDescription],
        work: Callable[[], Work],
        is_on: Callable[[], bool],
        has_meter: Callable[[], bool],
        caps: Sequence[Caps] = (),
    ) -> None:
        self._tell, self._work = tell, work
        self._is_on, self._has_meter = is_on, has_meter
        self._lock = threading.Lock()
        self._model = ""
        self._max_threads: int | None = None
        self._threads: int | None = None
        self._basis = ThreadBasis.ALL
        self._done: dict[tuple[int, float], Work] = {}
        self._caps = CapKeeper(caps)
        self._told_caps = CapReport(level=UNCAPPED, basis=CapBasis.OFF)
        self._seen = Work()
        self._wake = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="eco", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._is_closed = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._caps.close()

    def hurry(self) -> None:
        """Look again now: the settings are others."""
        self._wake.set()

    @property
    def state(self) -> tuple[int | None, int | None, ThreadBasis, list[ThreadFigures]]:
        """Threads that decode, of how many, why so many, and what was measured."""
        with self._lock:
            return self._threads, self._max_threads, self._basis, figures(self._uncapped())

    @property
    def cap_state(self) -> CapReport:
        """Power caps, why so low, and what was measured."""
        with self._lock:
            return self._told_caps

    def beat(self) -> None:
        """Note what was done since the last time, tell the engine its number, and hold the caps."""
        self._beat_threads()
        self._beat_caps()

    def _beat_threads(self) -> None:
        with self._lock:
            self._note()
            wanted, basis = self._wanted()
        try:
            description = self._tell(wanted)
        except AtreError:
            with self._lock:
                self._threads = self._max_threads = None
            return
        with self._lock:
            if description.asleep_since is not None:
                self._threads = self._max_threads = None
                return
            if (description.model, description.threads) != (self._model, self._max_threads):
                if description.model != self._model:
                    self._done.clear()
                self._model, self._max_threads = description.model, description.threads
            # The cap of an engine that was not known before is chosen at the next beat.
            self._threads = min(wanted or description.threads, description.threads)
            self._basis = basis

    def _wanted(self) -> tuple[int | None, ThreadBasis]:
        if self._max_threads is None or not self._is_on():
            return None, ThreadBasis.ALL
        return choose(self._max_threads, self._uncapped(), has_meter=self._has_meter())

    def _beat_caps(self) -> None:
        with self._lock:
            done, full_speed = self._capped(), self._full_speed()
        # Without the lock: a driver that is stuck must not keep the page from being shown.
        self._caps.beat(done, full_speed, is_on=self._is_on(), has_meter=self._has_meter())
        with self._lock:
            self._told_caps = self._caps.report(done)

    def _full_speed(self) -> float | None:
        """Of all threads without a cap; None while the number of threads is not settled."""
        if self._max_threads is None or self._basis is ThreadBasis.TRIAL:
            return None
        full = self._done.get((self._max_threads, UNCAPPED), Work())
        return full.speed if full.is_enough else 0.0

    def _uncapped(self) -> dict[int, Work]:
        return {n: work for (n, level), work in self._done.items() if level == UNCAPPED}

    def _capped(self) -> dict[float, Work]:
        """Work with the number of threads that is in force, by level of the cap."""
        return {level: work for (n, level), work in self._done.items() if n == self._threads}

    def _note(self) -> None:
        """Work of the last seconds was done with the threads of that time."""
        now = self._work()
        done, self._seen = now - self._seen, now
        if self._threads is not None and done.seconds > 0:
            key = self._threads, self._caps.level
            self._done[key] = self._done.get(key, Work()) + done

    def _run(self) -> None:
        while not self._is_closed:
            self.beat()
            self._wake.wait(_PERIOD_S)
            self._wake.clear()


def cap_threads(engine_socket: Path) -> Callable[[int | None], EngineDescription]:
    """What tells the engine on its socket; raises AtreError while none is there."""
    peer = Peer(engine_socket, "engine", "moteur")
    return lambda threads: peer.ask(CapThreads(threads=threads), EngineDescription)
