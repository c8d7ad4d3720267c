# SPDX-License-Identifier: Apache-2.0
"""Every route about backups, and whom they ask."""

import time

from flask import Blueprint, current_app

from atre.errors import AtreError, EngineUnavailableError
from atre.ipc.backup_client import BackupClient
from atre.ipc.backup_replies import BackupOverview
from atre.ipc.media_client import MediaClient
from atre.ipc.media_messages import Targets

blueprint = Blueprint("backups", __name__)

BACKUPS, MEDIA = "atre.backups", "atre.media"
_KNOWN = "atre.backups.known"
_GLANCE_S = 2.0
_STALE_S = 600.0


def backups() -> BackupClient:
    """Who makes, proves and brings back backups."""
    client: BackupClient = current_app.extensions[BACKUPS]
    return client


def media() -> MediaClient:
    """Who knows the places for backups."""
    client: MediaClient = current_app.extensions[MEDIA]
    return client


def overview_or_none() -> BackupOverview | None:
    """How backups are, None while nobody can say.

    A server of backups that is down must not hold up a page that is about more than backups: what
    was known last is told instead.
    """
    if BACKUPS not in current_app.extensions:
        return None
    try:
        found = backups().describe(timeout_s=_GLANCE_S)
    except EngineUnavailableError:
        known, at_s = current_app.extensions.get(_KNOWN, (None, 0.0))
        return known if time.monotonic() - at_s < _STALE_S else None
    except AtreError:
        return None
    current_app.extensions[_KNOWN] = found, time.monotonic()
    return found


def targets_or_none() -> Targets | None:
    """The places for backups and the disks that are plugged in, None while nobody can say."""
    if MEDIA not in current_app.extensions:
        return None
    try:
        return media().targets()
    except AtreError:
        return None
