# SPDX-License-Identifier: Apache-2.0
import msgspec
from flask import current_app

from atre.ipc.power_client import PowerClient


def follow_zone(time_zone: str) -> None:
    """Let eco mode's calendar go by the office's new time zone. Raises AtreError."""
    client: PowerClient = current_app.extensions["atre.power"]
    eco = client.describe().eco
    if eco is not None and eco.settings.calendar and eco.settings.time_zone != time_zone:
        client.set_eco(msgspec.structs.replace(eco.settings, time_zone=time_zone))
