# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

_LINES = 200
_MAX_CHARACTERS = 20_000
_PATIENCE_S = 15.0


def log_tail(logs_dir: Path, *, boot: int = 0) -> str:
    """The end of the system's log of a start of the machine: 0 is this one, -1 the one before.

    Where there is no such log, the end of the box's own newest one; "" without any.
    """
    argv = ["journalctl", f"--boot={boot}", f"--lines={_LINES}", "--no-pager", "--quiet",
            "--output=short-iso"]  # fmt: skip
    try:
        done = subprocess.run(
            argv, check=False, capture_output=True, timeout=_PATIENCE_S, stdin=subprocess.DEVNULL
        )
        text = done.stdout.decode("utf-8", "replace")
    except (OSError, subprocess.TimeoutExpired):
        text = ""
    return (text.strip() or _own(logs_dir))[-_MAX_CHARACTERS:]


def _own(logs_dir: Path) -> str:
    try:
        newest = max(logs_dir.glob("*.log"), key=lambda path: path.stat().st_mtime, default=None)
        text = newest.read_text("utf-8", "replace") if newest else ""
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_LINES:])
