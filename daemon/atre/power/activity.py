# SPDX-License-Identifier: Apache-2.0
import threading
from collections.abc import Callable

from atre.errors import AtreError
from atre.ipc.presence import Activity

_PERIOD_S = 1.0


class EngineActivity:
    """Whether answers are computed, asked of the engine in a thread that may wait for it."""

    def __init__(self, ask: Callable[[], Activity]) -> None:
        self._ask = ask
        self._is_busy: bool | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine-activity", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        # Not joined: the engine may keep it waiting for seconds, and it holds nothing.
        self._stop.set()

    def is_busy(self) -> bool | None:
        """None while the engine does not answer: it may be loading, which is no rest."""
        return self._is_busy

    def look(self) -> None:
        """Ask once."""
        try:
            activity = self._ask()
        except AtreError:
            self._is_busy = None
            return
        # Who came and went between two looks counts; of a model that sleeps idle_s is always 0.
        self._is_busy = activity.num_open > 0 or 0 < activity.idle_s < _PERIOD_S

    def _run(self) -> None:
        while not self._stop.wait(_PERIOD_S):
            self.look()
