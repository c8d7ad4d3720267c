# SPDX-License-Identifier: Apache-2.0
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable

from atre.ipc.work_messages import Rows, WatchWork, WorkDone, request_id

# A record ends with the first step that ends after this long, so it lasts less than a second
# unless a single step does not.
_RECORD_S = 0.5
_NUM_KEPT = 512  # minutes of one stream; whoever was away for longer has lost what is older

Reader = Callable[[WorkDone], None]


class WorkLog:
    """Sums the rows that each request takes and sends them to those who watch.

    The engine's thread calls ``begin``, ``record`` and ``end``, any thread the rest. A reader must
    not block: it is called by the engine's thread.
    """

    def __init__(self) -> None:
        self.start = secrets.token_hex(4)
        self._kept: deque[WorkDone] = deque(maxlen=_NUM_KEPT)
        self._readers: list[Reader] = []
        self._lock = threading.Lock()
        self._num_sent = 0
        self._rests = True
        self._since_s = 0.0
        self._until_s = 0.0
        self._prompt_rows: dict[int, int] = {}
        self._decode_rows: dict[int, int] = {}

    def request_id(self, number: int) -> str:
        """The id that request ``number`` has outside of the engine."""
        return request_id(self.start, number)

    def begin(self, now_s: float) -> None:
        """A step begins. Its time reaches back to the end of the last one, unless we rested."""
        if self._rests:
            self._rests = False
            self._since_s = self._until_s = now_s
            self._send()

    def record(
        self,
        now_s: float,
        prompt: Iterable[tuple[int, int]],
        decode: Iterable[tuple[int, int]],
        prompt_row_cost: float | None,
    ) -> None:
        """The step ends; ``prompt`` and ``decode`` are its requests with their rows."""
        for rows, step in ((self._prompt_rows, prompt), (self._decode_rows, decode)):
            for request, num_rows in step:
                rows[request] = rows.get(request, 0) + num_rows
        self._until_s = now_s
        if now_s - self._since_s >= _RECORD_S:
            self._send(prompt_row_cost=prompt_row_cost)

    def end(self, request: int, *, goes_on: bool) -> None:
        """Send what is summed: no more comes of ``request``. Without ``goes_on`` we rest."""
        self._rests = not goes_on
        self._send(ended=[request])

    def watch(self, reader: Reader, wish: WatchWork) -> None:
        """Call ``reader`` with each record from now on, first with those that it missed."""
        after = wish.after if wish.start == self.start else 0
        with self._lock:
            for record in self._kept:
                if record.number > after:
                    reader(record)
            self._readers.append(reader)

    def unwatch(self, reader: Reader) -> None:
        """Call it no more; one that never watched changes nothing."""
        with self._lock:
            if reader in self._readers:
                self._readers.remove(reader)

    def _send(self, ended: Iterable[int] = (), prompt_row_cost: float | None = None) -> None:
        requests = sorted(self._prompt_rows.keys() | self._decode_rows.keys())
        rows = tuple(
            Rows(request, self._prompt_rows.get(request, 0), self._decode_rows.get(request, 0))
            for request in requests
        )
        with self._lock:
            self._num_sent += 1
            record = WorkDone(
                start=self.start,
                number=self._num_sent,
                begin_s=self._since_s,
                end_s=self._until_s,
                rows=rows,
                ended=tuple(ended),
                goes_on=not self._rests,
                prompt_row_cost=prompt_row_cost,
            )
            self._kept.append(record)
            for reader in self._readers:
                reader(record)
        self._since_s = self._until_s
        self._prompt_rows.clear()
        self._decode_rows.clear()
