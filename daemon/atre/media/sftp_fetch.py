# SPDX-License-Identifier: Apache-2.0
"""Small files of a server's folder, read as restic would reach them."""

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
    who, path = _parts(target.location)
    options = next((o for o in target.options if o.startswith(_ARGUMENTS)), _ARGUMENTS)
    argv = ["sftp", "-b", "-", *shlex.split(options.removeprefix(_ARGUMENTS)), who]
    try:
        subprocess.run(
            argv,
            # Within quotes a * would be a name.
            input=f'cd "{path}/{name}"\nlcd "{into}"\nget *\n',
            check=False,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return


def _parts(location: str) -> tuple[str, str]:
    """USER@HOST and the folder, of ``sftp:USER@HOST:FOLDER``; an IPv6 address is in brackets."""
    rest = location.removeprefix("sftp:")
    end = rest.index("]") if "[" in rest else 0
    who, _, path = rest[end:].partition(":")
    return rest[:end] + who, path
