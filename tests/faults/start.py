# SPDX-License-Identifier: Apache-2.0
"""The start of a box, held at its first line, so that it can be killed at a chosen moment."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.faults.job import end_group


class Applying:
    """Runs ``applying.py``; ``words`` is what it said."""

    def __init__(self, data_dir: Path, what: str) -> None:
        self.words: list[str] = []
        self.took_s: float | None = None  # from its first line to "finished"
        self._began_s = 0.0
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("applying.py")), str(data_dir), what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a disk that stops first makes it complain
            text=True,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen)
        self._ready = threading.Event()
        self._listener.start()
        self._ready.wait()

    def go(self, seconds: float) -> None:
        """Let it begin, and wait so long, or for its end."""
        self._began_s = time.monotonic()
        if self._process.stdin:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        self._listener.join(seconds)

    def kill(self) -> None:
        end_group(self._process.pid)
        self._listener.join()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self.words.append(line.strip())
            self._ready.set()
            if self.words[-1] == "finished":
                self.took_s = time.monotonic() - self._began_s
        if self._process.stdout:
            self._process.stdout.close()
        self._ready.set()
