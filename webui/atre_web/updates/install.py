# SPDX-License-Identifier: Apache-2.0
from flask import Flask

from atre.ipc.update_client import UpdateClient
from atre_web.updates import actions, page, upload
from atre_web.updates.blueprint import UPDATES, blueprint

__all__ = ["install"]

# They put their routes on the blueprint when they are imported.
_ROUTES = (actions, page, upload)


def install(app: Flask, client: UpdateClient) -> None:
    """Serve the page of updates."""
    app.extensions[UPDATES] = client
    app.register_blueprint(blueprint)
