# SPDX-License-Identifier: Apache-2.0
"""The one place that decides whether a request may reach its route."""

import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response, g, request

from atre_web.accounts import cookie, current, keys, sessions
from atre_web.accounts.current import Accounts
from atre_web.accounts.origin import is_same_origin
from atre_web.accounts.principal import Principal
from atre_web.accounts.refusal import forbidden, unauthorized
from atre_web.audience import wants_page
from atre_web.trust.rules import TRUST_RULES

# Nothing else answers a stranger. The two login routes check what they are given themselves, and
# answer 401 with the login page until it is right.
OPEN_RULES = frozenset({"/healthz", "/login", "/login/link/<token>", *TRUST_RULES})

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def install(
    app: Flask,
    database: Path,
    *,
    login_page: Callable[[], Response],
    clock: Callable[[], float] = time.time,
) -> None:
    """Guard every route of ``app``. ``login_page`` makes the 401 answer for a browser.

    A route that is reached finds who is asking in ``flask.g.principal``.
    """
    current.install(app, Accounts(database, clock))
    app.before_request(lambda: _guard(login_page))


def _guard(login_page: Callable[[], Response]) -> Response | None:
    if request.url_rule is not None and request.url_rule.rule in OPEN_RULES:
        return None
    authorization = request.headers.get("Authorization")
    principal = _by_key(authorization) if authorization is not None else session_principal()
    if principal is None:
        return login_page() if wants_page(request) else unauthorized(_reason(authorization))
    if _needs_same_origin(principal) and not is_same_origin(request):
        return forbidden(
            "This request did not come from the box's own pages. Reload the page and try again; "
            "a program must send an API key in the Authorization header."
        )
    g.principal = principal
    return None


def session_principal() -> Principal | None:
    """The session whose cookie came with this request, if it is still open."""
    token = cookie.read(request)
    if token is None:
        return None
    session = sessions.verify(current.connection(), token, now=current.now())
    return Principal(kind="session", name=session.name, id=session.id) if session else None


def _by_key(authorization: str) -> Principal | None:
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    key = keys.verify(current.connection(), secret.strip(), now=current.now())
    return Principal(kind="key", name=key.name, id=key.id) if key else None


def _needs_same_origin(principal: Principal) -> bool:
    # A browser attaches a cookie by itself, a key never: only cookies can be ridden.
    return principal.kind == "session" and request.method not in _SAFE_METHODS


def _reason(authorization: str | None) -> str:
    if authorization is None:
        return (
            "No API key was sent. Send one in the header 'Authorization: Bearer atre-…'; "
            "`atre key create NAME` on the box makes one."
        )
    return (
        "The API key is wrong or was revoked. Check it, or make a new one on the box with "
        "`atre key create NAME`."
    )
