# SPDX-License-Identifier: Apache-2.0
"""A server reached as restic would reach it: small files, and why it lets nobody in."""

import shlex
import subprocess
from pathlib import Path

from atre.media.open_target import OpenTarget

_PATIENCE_S = 20
_ARGUMENTS = "sftp.args="


def fetch_folder(target: OpenTarget, name: str, into: Path) -> None:
    """Copy the files of a folder below the target's, as far as that can be done.

    ``name`` is made of letters, digits, / and -. A server that does not answer copies nothing.
    """
    path = _parts(target.location)[1]
    # Within quotes a * would be a name.
    _told(target, f'cd "{path}/{name}"\nlcd "{into}"\nget *\n')


def why_shut(target: OpenTarget) -> str:
    """What ssh says of a server that it does not get into; "" of one that it does."""
    done = _told(target, "")
    return " ".join(done.stderr.split()) if done and done.returncode else ""


def _told(target: OpenTarget, commands: str) -> "subprocess.CompletedProcess[str] | None":
    """One session of sftp; None where there is no such program, or nobody answers."""
    who = _parts(target.location)[0]
    options = next((o for o in target.options if o.startswith(_ARGUMENTS)), _ARGUMENTS)
    argv = ["sftp", "-b", "-", *shlex.split(options.removeprefix(_ARGUMENTS)), who]
    try:
        return subprocess.run(
            argv, input=commands, check=False, capture_output=True, text=True, timeout=_PATIENCE_S
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None


def _parts(location: str) -> tuple[str, str]:
    """USER@HOST and the folder, of ``sftp:USER@HOST:FOLDER``; an IPv6 address is in brackets."""
    rest = location.removeprefix("sftp:")
    end = rest.index("]") if "[" in rest else 0
    who, _, path = rest[end:].partition(":")
    return rest[:end] + who, path
