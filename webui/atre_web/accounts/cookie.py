# SPDX-License-Identifier: Apache-2.0
"""The session cookie: one name for TLS, another for plain HTTP on loopback."""

from werkzeug.wrappers import Request, Response

from atre_web.accounts.sessions import LIFETIME_S

# RFC 6265bis §4.1.3.2: a browser takes a __Host- cookie only over TLS, for this host and path /.
_TLS_NAME = "__Host-atre"
_LOOPBACK_NAME = "atre"


def read(request: Request) -> str | None:
    """The session token that the browser sent, under the name that this listener uses."""
    return request.cookies.get(_name(request))


def write(request: Request, response: Response, token: str) -> None:
    """Keep the session in the browser for as long as it lasts in the database."""
    response.set_cookie(
        _name(request),
        token,
        max_age=int(LIFETIME_S),
        path="/",
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )


def clear(request: Request, response: Response) -> None:
    """Have the browser forget the session."""
    response.delete_cookie(
        _name(request), path="/", secure=request.is_secure, httponly=True, samesite="Strict"
    )


def _name(request: Request) -> str:
    return _TLS_NAME if request.is_secure else _LOOPBACK_NAME
