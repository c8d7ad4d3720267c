# SPDX-License-Identifier: Apache-2.0
"""A chat request's way to the engine: from a program, or from a conversation of the panel."""

from flask import current_app

from atre.ipc.client import EngineClient
from atre.ipc.messages import Priority
from atre_web.accounts import current
from atre_web.accounts.quotas import payer
from atre_web.openai.relay import HEARTBEAT_S, Ending, Relay
from atre_web.openai.request import chat_requests
from atre_web.openai.schema import ChatBody


def begin(body: ChatBody, ending: Ending, *, heartbeat_s: float = HEARTBEAT_S) -> Relay:
    """Ask the engine in the name of this request's caller, whose requests share one turn.

    Raises InvalidRequestError, QuotaError, and EngineUnavailableError if it cannot be reached.
    """
    principal = current.principal()
    engine: EngineClient = current_app.extensions["atre.engine"]
    requests = chat_requests(
        body,
        user=payer(principal),
        priority=Priority.CHAT if principal.kind == "session" else Priority.API,
    )
    meter = current.meter(choices=body.n or 1)
    return Relay(engine, requests, ending, meter=meter, heartbeat_s=heartbeat_s)
