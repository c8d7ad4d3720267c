# SPDX-License-Identifier: Apache-2.0
"""A chat request's way to the engine: from a program, or from a conversation of the panel."""

from flask import current_app

from atre.ipc.client import EngineClient
from atre.ipc.messages import Priority
from atre_web.accounts import current
from atre_web.accounts.quotas import payer
from atre_web.factory import guidance
from atre_web.factory.relay import GuidedRelay
from atre_web.factory.request import guided
from atre_web.openai.answer import Events
from atre_web.openai.relay import HEARTBEAT_S, Ending, Relay
from atre_web.openai.request import chat_requests
from atre_web.openai.schema import ChatBody
from atre_web.panel import language


def begin(body: ChatBody, ending: Ending, *, heartbeat_s: float = HEARTBEAT_S) -> Events:
    """Ask the engine in the name of this request's caller, whose requests share one turn.

    For the factory model the handbook is searched first, and the answer is held until believed.

    Raises InvalidRequestError, QuotaError, and EngineUnavailableError if it cannot be reached.
    """
    principal = current.principal()
    engine: EngineClient = current_app.extensions["atre.engine"]
    requests = chat_requests(
        body,
        user=payer(principal),
        priority=Priority.CHAT if principal.kind == "session" else Priority.API,
    )
    plan = guidance.plan(body, engine, language.current())
    if plan is not None:
        requests = [guided(each, plan, body) for each in requests]
    meter = current.meter(choices=body.n or 1)
    relay = Relay(engine, requests, ending, meter=meter, heartbeat_s=heartbeat_s)
    return relay if plan is None else GuidedRelay(relay, plan)
