# SPDX-License-Identifier: Apache-2.0
"""What a box is after its power was cut: which system started, and whether the data are whole."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.image.guest import powered_on
from tests.image.machine import Machine
from tests.image.shell import CREDENTIALS, Shell

# Printed by the image's own Python: what started, and what lies in the data.
_LOOK = r"""
import json, pathlib, re, sqlite3
cmdline = pathlib.Path("/proc/cmdline").read_text()
release = pathlib.Path("/usr/lib/os-release").read_text()
problem = pathlib.Path("/run/atre-data-problem")
database = pathlib.Path("/var/lib/atre/atre.db")
logins, integrity = [], "absent"
if database.exists():
    with sqlite3.connect(database) as opened:
        integrity = opened.execute("PRAGMA integrity_check").fetchone()[0]
        if integrity == "ok":
            named = "SELECT login FROM people WHERE login IS NOT NULL"
            logins = [row[0] for row in opened.execute(named)]
print(json.dumps({
    "slot": re.search(r"atre\.slot=(\w)", cmdline)[1],
    "is_trial": bool(re.search(r"atre\.trial=\S", cmdline)),
    "version": re.search(r"^IMAGE_VERSION=(\S+)", release, re.M)[1],
    "data_problem": problem.read_text().strip() if problem.exists() else "",
    "integrity": integrity,
    "logins": logins,
}))
"""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What started, and the data in it; ``logins`` of the people, ``integrity`` as SQLite says."""

    slot: str
    is_trial: bool
    version: str
    data_problem: str
    integrity: str
    logins: list[str]
    up_after_s: float


def started_again(disk: Path, work: Path, *, limit_s: float) -> Found:
    """Start the machine after a cut. Raises TimeoutError if no system comes up."""
    machine = Machine(disk=disk, work=work, credentials=CREDENTIALS, is_careful=True)
    with powered_on(machine) as guest, Shell(machine.shell) as shell:
        shell.wait_until_up(limit_s)
        up_after_s = round(guest.age_s, 1)
        said = shell.must(f"/opt/atre/.venv/bin/python - <<'EOF'\n{_LOOK}\nEOF")
    return Found(up_after_s=up_after_s, **json.loads(said))
