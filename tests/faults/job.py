# SPDX-License-Identifier: Apache-2.0
"""One real job of the box, ``python -m atre.backup.work``, killed at a chosen moment."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from atre.backup.event import Ended, Event, Moved, Reached, Refused, Stored, decode
from atre.backup.order import WorkOrder
from atre.ipc.backup_replies import Stage

PATIENCE_S = 120.0


class Job:
    """It runs from the start on, with restic, in a process group of its own."""

    def __init__(
        self, data_dir: Path, work: WorkOrder, environment: Mapping[str, str] | None = None
    ) -> None:
        self.events: list[tuple[float, Event]] = []
        self._began_s = time.monotonic()
        self._change = threading.Condition()
        self._is_over = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "atre.backup.work", str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | dict(environment or {}),
        )
        if self._process.stdin:
            self._process.stdin.write(msgspec.json.encode(work) + b"\n")
            self._process.stdin.flush()
        self._listener = threading.Thread(target=self._listen, name="fault-job")
        self._listener.start()

    def reaches(self, stage: Stage) -> bool:
        """Wait for a stage; False if the job was over before."""

        def is_there() -> bool:
            return self._is_over or stage in self.stages()

        with self._change:
            self._change.wait_for(is_there, PATIENCE_S)
        return stage in self.stages()

    def moves(self) -> bool:
        """Wait for a first word on how far it is; False if the job was over before."""

        def has_moved() -> bool:
            return self._is_over or bool(self.heard(Moved))

        with self._change:
            self._change.wait_for(has_moved, PATIENCE_S)
        return bool(self.heard(Moved))

    def lasts(self, seconds: float) -> bool:
        """Wait so long at most; False if the job was over before."""
        with self._change:
            return not self._change.wait_for(lambda: self._is_over, seconds)

    def kill(self) -> None:
        """End it and its restic as a power cut does, and wait until both are gone."""
        end_group(self._process.pid)
        self._clean_up()

    def cancel(self) -> None:
        """Ask it to end, as the box does, and wait for it."""
        self._process.terminate()
        self._clean_up()

    def finish(self) -> "Job":
        """Wait for its own end."""
        self._clean_up()
        return self

    def heard(self, kind: type[Event]) -> list[Event]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def stages(self) -> list[Stage]:
        return [e.stage for _, e in self.events if isinstance(e, Reached)]

    def durations_s(self) -> dict[Stage, float]:
        """How long each stage took; it all begins with PREPARING."""
        marks = [(0.0, Stage.PREPARING)]
        marks += [(at, e.stage) for at, e in self.events if isinstance(e, Reached)]
        ends = [at for at, _ in marks[1:]] + [self.events[-1][0] if self.events else 0.0]
        return {stage: end - at for (at, stage), end in zip(marks, ends, strict=True)}

    @property
    def stored(self) -> list[str]:
        """The snapshots that it said are stored."""
        return [e.snapshot for _, e in self.events if isinstance(e, Stored)]

    @property
    def has_ended_well(self) -> bool:
        return bool(self.heard(Ended))

    @property
    def refusal(self) -> Refused | None:
        return next((e for _, e in self.events if isinstance(e, Refused)), None)

    def _clean_up(self) -> None:
        self._listener.join()
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            event = decode(line)
            if event is not None:
                with self._change:
                    self.events.append((time.monotonic() - self._began_s, event))
                    self._change.notify_all()
        if self._process.stdout:
            self._process.stdout.close()
        with self._change:
            self._is_over = True
            self._change.notify_all()


def end_group(leader: int) -> None:
    """SIGKILL to a process group; returns when none of it can write any more."""
    while members := _members(leader):
        os.killpg(leader, signal.SIGKILL)
        psutil.wait_procs(members, timeout=PATIENCE_S)


def _members(leader: int) -> Sequence[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.Error):
            continue
    return found
