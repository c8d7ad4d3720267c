# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from flask import Flask

from atre.ipc.backup_client import BackupClient
from atre.ipc.media_client import MediaClient
from atre_web.backups import claim_restore, jobs, page, restore, sheet, targets
from atre_web.backups.blueprint import BACKUPS, MEDIA, blueprint

__all__ = ["install"]

# They put their routes on the blueprint when they are imported.
_ROUTES = (claim_restore, jobs, page, restore, sheet, targets)


def install(app: Flask, management_socket: Path) -> None:
    """Serve the pages of backups."""
    app.extensions[BACKUPS] = BackupClient(management_socket)
    app.extensions[MEDIA] = MediaClient(management_socket)
    app.register_blueprint(blueprint)
