# SPDX-License-Identifier: Apache-2.0
from flask import current_app

from atre.errors import AtreError
from atre.ipc.appliance_client import ApplianceClient
from atre.ipc.appliance_messages import Appliance

APPLIANCE = "atre.appliance"


def appliance() -> ApplianceClient:
    """Who changes the machine."""
    client: ApplianceClient = current_app.extensions[APPLIANCE]
    return client


def appliance_or_none() -> Appliance | None:
    """How the machine is, None while nobody can say."""
    if APPLIANCE not in current_app.extensions:
        return None
    try:
        return appliance().describe()
    except AtreError:
        return None
