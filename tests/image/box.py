# SPDX-License-Identifier: Apache-2.0
"""The box's own commands in the running image, as its user."""

import json
import time
from collections.abc import Callable
from typing import Any

from tests.image.shell import Ran, Shell

# In English, as the user that the box runs as.
ATRE = "LC_ALL=C.UTF-8 runuser -u atre -- /opt/atre/.venv/bin/atre"
DATA = "--data-dir /var/lib/atre"


def atre(shell: Shell, arguments: str, *, limit_s: float = 900) -> Ran:
    """``atre ARGUMENTS --data-dir …``, in English."""
    return shell.run(f"{ATRE} {arguments} {DATA}", limit_s=limit_s)


def update_status(shell: Shell) -> dict[str, Any]:
    """What ``atre update status`` says; {} while the box does not answer."""
    ran = atre(shell, "update status --json")
    if ran.status != 0:
        return {}
    told: dict[str, Any] = json.loads(ran.output)
    return told


def wait_for_status(
    shell: Shell, is_so: Callable[[dict[str, Any]], bool], *, limit_s: float
) -> dict[str, Any]:
    """What ``update_status`` says once ``is_so``. Raises AssertionError if it never is."""
    deadline = time.monotonic() + limit_s
    while not (told := update_status(shell)) or not is_so(told):
        assert time.monotonic() < deadline, told
        time.sleep(2)
    return told


def slots(status: dict[str, Any]) -> dict[str, str]:
    """The state of each slot, by its name."""
    return {each["name"]: each["state"] for each in status["slots"]}
