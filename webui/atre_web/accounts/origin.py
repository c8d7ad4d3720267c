# SPDX-License-Identifier: Apache-2.0
from flask import Request


def is_same_origin(request: Request) -> bool:
    """Whether a page of this box itself sent the request (Fetch Metadata; RFC 6454 Origin).

    Browsers add Sec-Fetch-Site over TLS and on loopback, and Origin to every POST; a page cannot
    forge either. A request with neither is refused.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("Origin") == f"{request.scheme}://{request.host}"
