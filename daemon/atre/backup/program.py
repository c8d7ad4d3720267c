# SPDX-License-Identifier: Apache-2.0
"""Which restic runs: the one beside our Python first, then the system's."""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import msgspec

from atre.errors import BackupError, BackupProblem

# 0.17.1 gave a wrong password its own exit status, and 0.18 tells of a fatal error, and of a check,
# in JSON (https://restic.readthedocs.io/en/stable/075_scripting.html).
MINIMUM = (0, 18, 0)
_MINIMUM_WORDS = ".".join(map(str, MINIMUM))
_VERSION = re.compile(r"restic (\d+)\.(\d+)\.(\d+)")
_ASK_S = 60.0  # it may be asked at the lowest priority, while everybody is being answered


class Program(msgspec.Struct, frozen=True):
    """A restic that is new enough."""

    path: Path
    version: str


def find_program() -> Program:
    """Raises BackupError where there is none, or only an old one."""
    beside = Path(sys.executable).with_name("restic")
    found = str(beside) if beside.is_file() else shutil.which("restic")
    if found is None:
        raise BackupError(
            f"Backups need restic {_MINIMUM_WORDS} or later, and there is none. Install it with "
            "`make setup`, or from your system's packages.",
            f"Les sauvegardes demandent restic {_MINIMUM_WORDS} ou plus récent, et il n’y en a "
            "pas. Installez-le avec `make setup`, ou depuis les paquets du système.",
            problem=BackupProblem.NO_PROGRAM,
        )
    return check_version(Path(found), _version_line(found, _changed_at(found)))


def check_version(path: Path, line: str) -> Program:
    """The program, from the line that ``restic version`` prints. Raises BackupError if too old."""
    match = _VERSION.match(line)
    if match is None or tuple(map(int, match.groups())) < MINIMUM:
        said = line.strip()[:80] or "nothing"
        raise BackupError(
            f"{path} says {said!r}, and backups need restic {_MINIMUM_WORDS} or later: older ones "
            "do not tell a wrong password from a full disk. Install a newer one.",
            f"{path} dit «\u00a0{said}\u00a0», et les sauvegardes demandent restic "
            f"{_MINIMUM_WORDS} ou plus récent\u00a0: les anciens ne distinguent pas un mot de "
            "passe faux d’un disque plein. Installez-en un plus récent.",
            problem=BackupProblem.NO_PROGRAM,
        )
    return Program(path, ".".join(match.groups()))


def _changed_at(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


@cache
def _version_line(path: str, _changed_at: int) -> str:
    # Asked at each look at the backups; the file says when it is another one.
    try:
        done = subprocess.run(
            [path, "version"], capture_output=True, text=True, timeout=_ASK_S, check=False
        )
    except OSError:
        return ""
    except subprocess.TimeoutExpired as error:
        raise BackupError(
            f"{path} does not answer: the machine has no time for it. Try again later.",
            f"{path} ne répond pas\u00a0: la machine n’a pas de temps pour lui. Réessayez plus "
            "tard.",
            problem=BackupProblem.OTHER,
        ) from error
    return done.stdout
