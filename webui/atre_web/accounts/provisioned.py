# SPDX-License-Identifier: Apache-2.0
import sqlite3
from pathlib import Path

from atre.provision.record import read
from atre_web.accounts import claim, settings


def take_up(connection: sqlite3.Connection, state_dir: Path) -> None:
    """Let what was provisioned be the office's settings, on a box that is nobody's yet.

    From the claim on a manager's word counts, also where it is none.
    """
    found = read(state_dir)
    if found is None or claim.state(connection).is_claimed:
        return
    office = found.provision.office
    values = {
        settings.OFFICE_NAME: office.name,
        "language": office.language,
        "time_zone": office.time_zone,
    }
    for name, value in values.items():
        if value:
            settings.put(connection, name, value)
