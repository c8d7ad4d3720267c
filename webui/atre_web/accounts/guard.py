# SPDX-License-Identifier: Apache-2.0
"""The one place that decides whether a request may reach its route."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, g, request
from werkzeug.wrappers import Response as BaseResponse

from atre_web.accounts import cookie, current, keys, sessions
from atre_web.accounts.authorisation import TABLE, Access, Table, access, may
from atre_web.accounts.current import Accounts
from atre_web.accounts.origin import is_same_origin
from atre_web.accounts.principal import Principal
from atre_web.accounts.refusal import forbidden, not_allowed, unauthorized
from atre_web.audience import wants_page

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Pages:
    """What a browser is answered in place of a page that it may not have."""

    sign_in: Callable[[], BaseResponse]
    forbidden: Callable[[], BaseResponse]


def install(
    app: Flask,
    accounts: Accounts,
    *,
    pages: Pages,
    table: Table = TABLE,
) -> None:
    """Guard every route of ``app`` by ``table``.

    A route that is reached finds who is asking in ``current.principal()``.
    """
    current.install(app, accounts)
    app.before_request(lambda: _guard(table, pages))


def _guard(table: Table, pages: Pages) -> BaseResponse | None:
    wanted = access(table, request.url_rule.rule, request.method) if request.url_rule else None
    if wanted is not None and wanted.audience == "anybody":
        is_safe = request.method in SAFE_METHODS or is_same_origin(request)
        return None if is_safe else _foreign()
    authorization = request.headers.get("Authorization")
    principal = _by_key(authorization) if authorization is not None else session_principal()
    if principal is None:
        return pages.sign_in() if wants_page(request) else unauthorized(_reason(authorization))
    if _needs_same_origin(principal) and not is_same_origin(request):
        return _foreign()
    # What does not exist is a 404, which Flask raises later; what is in no table is nobody's.
    if request.url_rule is not None and (wanted is None or not may(principal, wanted)):
        return pages.forbidden() if wants_page(request) else not_allowed(_lacking(wanted))
    g.principal = principal
    return None


def session_principal() -> Principal | None:
    """The session whose cookie came with this request, if it is still open."""
    token = cookie.read(request)
    if token is None:
        return None
    session = sessions.verify(current.connection(), token, now=current.now())
    if session is None:
        return None
    return Principal(
        kind="session",
        name=session.name,
        id=session.id,
        person_id=session.person_id,
        role=session.role,
    )


def _by_key(authorization: str) -> Principal | None:
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    found = keys.verify(current.connection(), secret.strip(), now=current.now())
    if found is None:
        return None
    return Principal(
        kind="key",
        name=found.key.name,
        id=found.key.id,
        person_id=found.key.person_id,
        role=found.role,
        scopes=found.scopes,
    )


def _needs_same_origin(principal: Principal) -> bool:
    # A browser attaches a cookie by itself, a key never: only cookies can be ridden.
    return principal.kind == "session" and request.method not in SAFE_METHODS


def _foreign() -> BaseResponse:
    return forbidden(
        "This request did not come from the box's own pages. Reload the page and try again; "
        "a program must send an API key in the Authorization header."
    )


def _lacking(wanted: Access | None) -> str:
    if wanted is None or wanted.scope is None:
        return "This is not for API keys. Sign in to the panel in a browser."
    return (
        f"This key, or the person whose it is, may not do that: it takes a key for {wanted.scope!r}"
        " of somebody whose role allows it."
    )


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
