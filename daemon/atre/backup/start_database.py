# SPDX-License-Identifier: Apache-2.0
"""Whether the accounts would start from a restored copy, migrations and all.

Asked of the program that starts them, in a process of its own: the daemon knows no schema.
"""

import subprocess
import sys
from pathlib import Path

from atre.errors import BackupError, BackupProblem

_PATIENCE_S = 1800.0  # an integrity check of gigabytes on an SD card, at idle priority


def start_database(database: Path) -> None:
    """Check and migrate the copy in place. Raises BackupError with the program's own words."""
    argv = [sys.executable, "-m", "atre_web.cli", "try-database", str(database)]
    try:
        done = subprocess.run(
            argv,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
        )
    except subprocess.TimeoutExpired as error:
        raise _refused("it took too long") from error
    if done.returncode:
        raise _refused(done.stderr.strip().removeprefix("Error: "))


def _refused(said: str) -> BackupError:
    return BackupError(
        f"The restored accounts do not start: {said}",
        f"Les comptes restaurés ne démarrent pas\u00a0: {said}",
        problem=BackupProblem.UNPROVEN,
    )
