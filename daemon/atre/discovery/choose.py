# SPDX-License-Identifier: Apache-2.0
import logging

from atre.discovery.responder import OnEvent, Responder
from atre.discovery.zeroconf_responder import ZeroconfResponder

_log = logging.getLogger(__name__)


async def choose_responder(on_event: OnEvent) -> Responder:
    """The responder for this host."""
    return ZeroconfResponder(on_event)
