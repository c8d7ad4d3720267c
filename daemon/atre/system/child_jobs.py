# SPDX-License-Identifier: Apache-2.0
"""Jobs in child processes, one at a time: started, followed, cancelled, waited for."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

Event = TypeVar("Event")
Event_contra = TypeVar("Event_contra", contravariant=True)
Report = TypeVar("Report")
Report_co = TypeVar("Report_co", covariant=True)


class JobRecord(Protocol[Event_contra, Report_co]):
    """What is known of one job; times are of any clock that never goes back, in seconds."""

    @property
    def is_running(self) -> bool: ...

    def hear(self, event: Event_contra, now_s: float) -> None:
        """Note what the job's process says."""

    def cancel(self) -> None: ...

    def lose(self) -> None:
        """The process ended; if it did not say how, it failed."""

    def report(self, now_s: float) -> Report_co: ...


class ChildJobs(Generic[Event, Report]):
    """``decode`` reads a line of a job's standard output, None for nonsense.

    ``busy`` makes what is raised while a job runs, ``none`` while there is none to cancel. A job
    that was told to end has ``stop_s`` for it; then all that it started is killed with it.
    """

    def __init__(
        self,
        name: str,
        decode: Callable[[bytes], Event | None],
        *,
        busy: Callable[[Report], Exception],
        none: Callable[[], Exception],
        stop_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._decode = name, decode
        self._busy, self._none = busy, none
        self._stop_s, self._clock = stop_s, clock
        self._starting = threading.Lock()
        self._lock = threading.Lock()
        self._record: JobRecord[Event, Report] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None

    def start(
        self,
        argv: Sequence[str],
        make: Callable[[float], JobRecord[Event, Report]],
        *,
        given: bytes = b"",
        gone: Callable[[], None] = lambda: None,
        on_end: Callable[[Report], None] = lambda _: None,
    ) -> Report:
        """Begin a job whose record ``make`` makes, from the time. Raises what ``busy`` makes.

        Its standard input gets ``given`` and is its lifeline then (``atre.system.lifeline``).
        ``gone`` is called once its process is, then ``on_end``, both in a thread of the job's.
        """
        with self._starting:
            with self._lock:
                if self._record is not None and self._record.is_running:
                    raise self._busy(self._record.report(self._clock()))
            self._join()  # a job that was cancelled holds its files until its process is gone
            record = make(self._clock())
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # so that what it starts can be ended with it
            )
            if given and process.stdin:
                with contextlib.suppress(OSError):
                    process.stdin.write(given)
                    process.stdin.flush()
            with self._lock:
                self._record, self._process = record, process
            self._listener = threading.Thread(
                target=self._listen, args=(process, record, gone, on_end), name=self._name
            )
            self._listener.start()
            return self._report(record)

    def report(self) -> Report | None:
        """The job that runs or ran last."""
        return self._report(self._record) if self._record else None

    def cancel(self) -> Report:
        """End the job that runs. Raises what ``none`` makes if none does."""
        with self._lock:
            record, process = self._record, self._process
            if record is None or process is None or not record.is_running:
                raise self._none()
            record.cancel()
            process.terminate()
            return record.report(self._clock())

    def wait(self) -> None:
        """Until the job that runs has ended."""
        with self._starting:
            self._join()

    def close(self) -> None:
        """End what runs, and wait until it has."""
        with self._lock:
            process = self._process
            if process is not None and process.poll() is None:
                process.terminate()
        self.wait()

    def _report(self, record: JobRecord[Event, Report]) -> Report:
        with self._lock:
            return record.report(self._clock())

    def _join(self) -> None:
        if self._listener is not None:
            self._listener.join()
            self._listener = None

    def _listen(
        self,
        process: "subprocess.Popen[bytes]",
        record: JobRecord[Event, Report],
        gone: Callable[[], None],
        on_end: Callable[[Report], None],
    ) -> None:
        with process:
            for line in process.stdout or ():
                event = self._decode(line)
                if event is not None:
                    with self._lock:
                        record.hear(event, self._clock())
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self._stop_s)
            # A child that outlived it, which nobody gave time to end it; or itself.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        gone()
        with self._lock:
            record.lose()
            report = record.report(self._clock())
        on_end(report)
