# SPDX-License-Identifier: Apache-2.0
"""The security headers of every answer, so that no route can forget one."""

import secrets

from flask import Flask, Response, g, request

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    # Only DOMPurify may turn text into markup; any other innerHTML is refused by the browser.
    "require-trusted-types-for": "'script'",
    "trusted-types": "dompurify",
}

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it browsers send "Origin: null" from our own forms (Fetch, "append a
    # request Origin header"), and they could not be told from another site's.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def install(app: Flask) -> None:
    """Add the headers to every answer, and ``style_nonce()`` to the templates."""
    app.after_request(_add_headers)
    app.jinja_env.globals["style_nonce"] = style_nonce


def style_nonce() -> str:
    """The nonce that lets this answer carry its own <style>; for pages that load no other file."""
    if "style_nonce" not in g:
        g.style_nonce = secrets.token_urlsafe(16)
    nonce: str = g.style_nonce
    return nonce


def _add_headers(response: Response) -> Response:
    policy = dict(_POLICY)
    if "style_nonce" in g:
        policy["style-src"] = f"'nonce-{g.style_nonce}'"
    response.headers["Content-Security-Policy"] = "; ".join(
        f"{name} {value}" for name, value in policy.items()
    )
    for name, value in _HEADERS.items():
        response.headers[name] = value
    # Files without secrets may be kept if they are checked each time; nothing else is kept at all.
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
