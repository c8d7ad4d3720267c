# SPDX-License-Identifier: Apache-2.0
"""Refusals in the form that OpenAI's clients read."""

from flask import Response, jsonify


def unauthorized(message: str) -> Response:
    """401, with the scheme that would be accepted (RFC 6750 §3)."""
    response = _refusal(401, message, "invalid_api_key")
    response.headers["WWW-Authenticate"] = 'Bearer realm="atre"'
    return response


def forbidden(message: str) -> Response:
    """403: the caller is known, but this request did not come from the box's own pages."""
    return _refusal(403, message, "cross_origin")


def not_allowed(message: str) -> Response:
    """403: the caller is known, but this is not for them."""
    return _refusal(403, message, "permission_denied")


def _refusal(status: int, message: str, code: str) -> Response:
    response = jsonify(
        error={"message": message, "type": "invalid_request_error", "param": None, "code": code}
    )
    response.status_code = status
    return response
