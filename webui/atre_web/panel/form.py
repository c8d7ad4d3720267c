# SPDX-License-Identifier: Apache-2.0
"""What a browser sent, and what it is given when a session opens."""

from flask import redirect, request
from werkzeug.wrappers import Response

from atre_web.accounts import cookie, current, sessions
from atre_web.accounts.guard import session_principal
from atre_web.accounts.sign_in import Caller, Opened
from atre_web.panel import language
from atre_web.panel.device import device_name

LONGEST_FIELD = 4096


def field(name: str) -> str:
    """A field of the form, cut where no field is that long; empty if it was not sent."""
    return request.form.get(name, "")[:LONGEST_FIELD]


def number(name: str) -> int | None:
    """A field as a whole number: None if it is empty, -1 if it is no such number."""
    text = field(name).strip()
    if not text:
        return None
    return int(text) if text.isdecimal() and len(text) <= 18 else -1  # noqa: PLR2004


def number_in(text: str) -> int:
    """A number of an address's query; 0 if it is none."""
    return int(text) if text.isdecimal() and len(text) <= 18 else 0  # noqa: PLR2004


def version() -> int:
    """Which version of a person the browser had seen; -1, which none is, if it does not say."""
    seen = number("version")
    return -1 if seen is None else seen


def caller() -> Caller:
    """Whose browser asks."""
    device = device_name(request.headers.get("User-Agent", ""))
    return Caller(current.address(), device, current.now())


def admit(opened: Opened, response: Response | None = None) -> Response:
    """Give the browser its session in place of the one it had, and go to the panel."""
    earlier = session_principal()
    if earlier is not None:
        sessions.revoke(current.connection(), earlier.person_id, earlier.id)
    response = response or redirect("/", 303)
    cookie.write(request, response, opened.token)
    language.choose(response, opened.person.locale)
    current.record("session.open", opened.person.id, person_id=opened.person.id)
    return response
