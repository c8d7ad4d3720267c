# SPDX-License-Identifier: Apache-2.0
"""The programs that judge a disk's state, and which package has each."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

PACKAGES = {
    "debugfs": "e2fsprogs",
    "e2fsck": "e2fsprogs",
    "fsck.vfat": "dosfstools",
    "grub-fstest": "grub-common",
    "mcopy": "mtools",
}
# What only the superuser usually runs is not on everybody's PATH.
_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
_PATIENCE_S = 120.0


def missing(packages: Mapping[str, str] = PACKAGES) -> str:
    """What is to be installed, "" if all is there."""
    absent = {name for name in packages if not shutil.which(name, path=_PATH)}
    names = ", ".join(sorted(absent))
    return (
        f"{names} (packages {', '.join(sorted({packages[n] for n in absent}))})" if absent else ""
    )


def call(*words: str | Path) -> subprocess.CompletedProcess[bytes]:
    """What a program said; its messages are in English, and its input is empty.

    Raises OSError if it does not end.
    """
    environment = {**os.environ, "PATH": _PATH, "LC_ALL": "C.UTF-8", "MTOOLS_SKIP_CHECK": "1"}
    try:
        return subprocess.run(
            list[str | Path](words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_PATIENCE_S,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{words[0]} did not end within {_PATIENCE_S:.0f} s.") from error


def must(words: Sequence[str | Path]) -> bytes:
    """What it printed. Raises OSError with its last words if it failed."""
    done = call(*words)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise OSError(f"{words[0]}: {said[-1] if said else done.returncode}")
    return done.stdout
