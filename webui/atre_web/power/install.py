# SPDX-License-Identifier: Apache-2.0
from flask import Flask

from atre.ipc.energy_client import EnergyClient
from atre.ipc.power_client import PowerClient
from atre_web.power import eco_page, page, settings_page


def install(app: Flask, client: PowerClient, energy: EnergyClient) -> None:
    """Put the rooms about electricity on an app that has the panel."""
    app.extensions["atre.power"] = client
    app.extensions["atre.energy"] = energy
    app.register_blueprint(page.blueprint)
    app.register_blueprint(settings_page.blueprint)
    app.register_blueprint(eco_page.blueprint)
