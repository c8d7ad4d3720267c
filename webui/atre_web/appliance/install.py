# SPDX-License-Identifier: Apache-2.0
from flask import Flask

from atre.ipc.appliance_client import ApplianceClient
from atre_web.appliance import address_page, presence_page, reset_page
from atre_web.appliance.client import APPLIANCE
from atre_web.appliance.head_start import HEAD_STARTS, HeadStart
from atre_web.appliance.tickets import TICKETS, Tickets


def install(app: Flask, client: ApplianceClient) -> None:
    """Serve the pages about the machine."""
    app.extensions[APPLIANCE] = client
    app.extensions[HEAD_STARTS] = HeadStart()
    app.extensions[TICKETS] = Tickets()
    for room in (address_page, presence_page, reset_page):
        app.register_blueprint(room.blueprint)
