# SPDX-License-Identifier: Apache-2.0
"""A TPM2 for the emulated machine: swtpm, whose memory is a folder."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def chip(memory: Path | None, door: Path) -> Iterator[None]:
    """The chip of ``memory``, made if it is not there, at the socket ``door``; none without one."""
    if memory is None:
        yield
        return
    memory.mkdir(exist_ok=True)
    door.unlink(missing_ok=True)
    process = subprocess.Popen(
        ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={memory}",
         "--ctrl", f"type=unixio,path={door}"],
    )  # fmt: skip
    try:
        while not door.exists():
            assert process.poll() is None, f"swtpm ended with status {process.returncode}"
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()
