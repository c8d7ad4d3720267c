# SPDX-License-Identifier: Apache-2.0
"""Another time of day for one program: a small library put before its libc.

restic is linked without a libc and keeps the machine's clock; its snapshots bear the time that the
box tells it. A time namespace shifts only clocks that count from the start (time_namespaces(7)).
"""

import shutil
import subprocess
import time
from pathlib import Path

_SOURCE = Path(__file__).with_name("clock.c")


def missing_part() -> str | None:
    """Why a program cannot be given another clock here, None if it can."""
    return None if shutil.which("cc") else "not installed: cc (package gcc)"


class Clock:
    """A clock that can be set, for the programs that get ``environment``."""

    def __init__(self, folder: Path) -> None:
        self._library = folder / "clock.so"
        self.ahead_s = self._right_s = 0
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-o", str(self._library), str(_SOURCE), "-ldl"], check=True
        )

    def set_to_1970(self) -> None:
        """As a box without a battery starts, an hour after midnight."""
        self._right_s = self.ahead_s
        self.ahead_s = 3600 - int(time.time())

    def set_right(self) -> None:
        """As it was before, once a time server answers."""
        self.ahead_s = self._right_s

    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "FAULT_CLOCK_S": str(self.ahead_s)}
