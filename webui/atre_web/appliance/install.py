# SPDX-License-Identifier: Apache-2.0
from flask import Flask

from atre.ipc.appliance_client import ApplianceClient
from atre_web.appliance import address_page, notice, presence_page, reset_page
from atre_web.appliance.client import APPLIANCE
from atre_web.appliance.head_start import HEAD_STARTS, HeadStart
from atre_web.appliance.tickets import TICKETS, Tickets


def install(app: Flask, client: ApplianceClient) -> None:
    """Serve the pages about the machine, and tell everybody of a password that was reset there."""
    app.extensions[APPLIANCE] = client
    app.extensions[HEAD_STARTS] = HeadStart()
    app.extensions[TICKETS] = Tickets()
    app.jinja_env.globals["presence_notice"] = notice.text
    for room in (address_page, notice, presence_page, reset_page):
        app.register_blueprint(room.blueprint)
