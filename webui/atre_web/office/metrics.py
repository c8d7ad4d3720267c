# SPDX-License-Identifier: Apache-2.0
"""The box's figures for Prometheus."""

import contextlib

from flask import Blueprint, Response, current_app

from atre.errors import EngineError
from atre.ipc.client import EngineClient
from atre.ipc.power_client import PowerClient
from atre_web.office.exposition import CONTENT_TYPE, exposition

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """What the engine and the power meter say now; a process that is down says nothing."""
    engine: EngineClient = current_app.extensions["atre.engine"]
    power: PowerClient = current_app.extensions["atre.power"]
    engine_now = power_now = None
    with contextlib.suppress(EngineError):
        engine_now = engine.describe()
    with contextlib.suppress(EngineError):
        power_now = power.describe()
    return Response(exposition(engine_now, power_now), content_type=CONTENT_TYPE)
