# SPDX-License-Identifier: Apache-2.0
"""Under what circumstances something was measured."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil


def circumstances(*, load: float, started_at: str | None = None) -> dict[str, str]:
    """Date, commit, machine, and ``load``, the mean of a minute before the first measurement."""
    return {
        "date": started_at or datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": f"{_cpu_name()}, {psutil.cpu_count()} processors, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}",
        "load before the first round": f"{load:.1f} processes that wanted to run",
    }


def load_now() -> float:
    """The mean of the last minute."""
    return os.getloadavg()[0]


def as_list(facts: dict[str, str]) -> str:
    """Facts as lines of Markdown."""
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], check=False, capture_output=True, text=True)
        return done.stdout.strip() or "unknown"

    changed = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "--short=12", "HEAD") + ("" if changed == "unknown" else ", changed")


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
