# SPDX-License-Identifier: Apache-2.0
"""Scripts and styles go gzipped, for phones on a slow Wi-Fi.

Only the panel's own files: they hold no secret, so nothing can be learned from how well they
shrink (BREACH), which is why no page is compressed.
"""

import gzip
from functools import lru_cache

from flask import Flask, Response, request

_KINDS = {"text/javascript", "application/javascript", "text/css"}
_NUM_FILES = 64


def install(app: Flask) -> None:
    """Compress the static text files of an app for browsers that take gzip."""

    def compress(response: Response) -> Response:
        if request.endpoint != "static" or response.mimetype not in _KINDS:
            return response
        response.vary.add("Accept-Encoding")
        is_whole = response.status_code == 200 and request.method == "GET"  # noqa: PLR2004
        if not (is_whole and request.accept_encodings["gzip"]):
            return response
        response.direct_passthrough = False
        response.set_data(_gzipped(response.get_data()))
        response.content_encoding = "gzip"
        etag, _ = response.get_etag()
        if etag is not None:
            # Another representation of the file (RFC 9110, 8.8.3); it changes with the file.
            response.set_etag(etag, weak=True)
        return response

    app.after_request(compress)


@lru_cache(maxsize=_NUM_FILES)
def _gzipped(body: bytes) -> bytes:
    # The same bytes for the same file, whenever it was compressed.
    return gzip.compress(body, mtime=0)
