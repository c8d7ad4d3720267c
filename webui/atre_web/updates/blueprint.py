# SPDX-License-Identifier: Apache-2.0
"""Every route about updates, and whom they ask."""

from flask import Blueprint, current_app

from atre.errors import AtreError
from atre.ipc.update_client import UpdateClient
from atre.ipc.update_replies import UpdateOverview

blueprint = Blueprint("updates", __name__)

UPDATES = "atre.updates"


def updates() -> UpdateClient:
    """Who looks for updates and puts them in."""
    client: UpdateClient = current_app.extensions[UPDATES]
    return client


def overview_or_none() -> UpdateOverview | None:
    """How updates are, None while nobody can say."""
    if UPDATES not in current_app.extensions:
        return None
    try:
        return updates().describe()
    except AtreError:
        return None
