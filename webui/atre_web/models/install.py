# SPDX-License-Identifier: Apache-2.0
from flask import Flask

from atre.ipc.models_client import ModelsClient
from atre_web.models import api, page
from atre_web.models.blueprint import EXTENSION, blueprint

__all__ = ["install"]

_ROUTES = (api, page)  # they put their routes on the blueprint when they are imported


def install(app: Flask, client: ModelsClient) -> None:
    """Serve the models of the box: a page, and the same for programs."""
    app.extensions[EXTENSION] = client
    app.register_blueprint(blueprint)
