# SPDX-License-Identifier: Apache-2.0
"""Every route about backups, and whom they ask."""

from flask import Blueprint, current_app

from atre.errors import AtreError
from atre.ipc.backup_client import BackupClient
from atre.ipc.backup_replies import BackupOverview
from atre.ipc.media_client import MediaClient

blueprint = Blueprint("backups", __name__)

BACKUPS, MEDIA = "atre.backups", "atre.media"


def backups() -> BackupClient:
    """Who makes, proves and brings back backups."""
    client: BackupClient = current_app.extensions[BACKUPS]
    return client


def media() -> MediaClient:
    """Who knows the places for backups."""
    client: MediaClient = current_app.extensions[MEDIA]
    return client


def overview_or_none() -> BackupOverview | None:
    """How backups are, None while nobody can say."""
    if BACKUPS not in current_app.extensions:
        return None
    try:
        return backups().describe()
    except AtreError:
        return None
