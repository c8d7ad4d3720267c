# SPDX-License-Identifier: Apache-2.0
from flask import Request

_API_PREFIXES = ("/v1/", "/api/")


def wants_page(request: Request) -> bool:
    """Whether a person in a browser asks, not a program: a page is the answer, not JSON."""
    if f"{request.path}/".startswith(_API_PREFIXES):
        return False
    accepted = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return accepted == "text/html"
