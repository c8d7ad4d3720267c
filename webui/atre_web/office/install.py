# SPDX-License-Identifier: Apache-2.0
from flask import Flask

from atre_web.office import (
    audit_page,
    home_page,
    metrics,
    network_page,
    settings_page,
    sleep_page,
    space_page,
    system_page,
    usage_page,
    verbs,
)
from atre_web.office.verbs import Verbs


def install(app: Flask, box: Verbs) -> None:
    """Put the administration on an app that has the panel."""
    verbs.install(app, box)
    for room in (
        home_page,
        metrics,
        network_page,
        usage_page,
        settings_page,
        sleep_page,
        space_page,
        system_page,
        audit_page,
    ):
        app.register_blueprint(room.blueprint)
