# SPDX-License-Identifier: Apache-2.0
"""Every route about the models of the box: the guard knows them by this one blueprint."""

from flask import Blueprint, current_app

from atre.errors import EngineError
from atre.ipc.client import EngineClient
from atre.ipc.models_client import ModelsClient

blueprint = Blueprint("models", __name__)

EXTENSION = "atre.models"


def box() -> ModelsClient:
    """Who answers for the models."""
    client: ModelsClient = current_app.extensions[EXTENSION]
    return client


def running_model() -> str:
    """What the model that answers now is called, empty while none does."""
    engine: EngineClient = current_app.extensions["atre.engine"]
    try:
        return engine.describe().model
    except EngineError:
        return ""
